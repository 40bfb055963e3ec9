"""Training progress: a bar with loss and accuracy, and curves for TensorBoard on request."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm
from yacs.config import CfgNode

from fewshot_cls.methods import METHODS
from fewshot_cls.shots import Shots
from fewshot_cls.training import Epoch
from pointclip.errors import InputError


@contextmanager
def training_progress(args: argparse.Namespace, settings: CfgNode, draw: Shots) -> Iterator[Callable[[Epoch], None]]:
    """A callback for `train` that shows every epoch of a draw's training."""
    trains = METHODS[settings.METHOD].trains
    writer = _writer(args, draw) if settings.TRAIN.TENSORBOARD and trains else None
    with tqdm(desc=f"train, {draw.words}", unit="epoch", disable=args.quiet or not trains) as bar:

        def on_epoch(epoch: Epoch) -> None:
            bar.n = epoch.number + 1
            selection = "" if epoch.chosen_on is None else f", selection {epoch.chosen_on:.1f} %"
            bar.set_postfix_str(f"loss {epoch.loss:.3f}, shots {epoch.accuracy:.1f} %{selection}")
            if writer:
                for name in ("loss", "accuracy", "rate", "chosen_on", "chosen_on_loss"):
                    if (value := getattr(epoch, name)) is not None:
                        writer.add_scalar(name, value, epoch.number + 1)

        try:
            yield on_epoch
        finally:
            if writer:
                writer.close()


def _writer(args: argparse.Namespace, draw: Shots):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError(
            "TRAIN.TENSORBOARD is set, but the package tensorboard is not installed; pip install -e .[tensorboard]."
        ) from error
    return SummaryWriter(str(args.folder / "tensorboard" / f"seed{draw.seed}"))
