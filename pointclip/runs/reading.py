"""The settings READING.* for the processes that read files. Does not import torch."""

import argparse

from yacs.config import CfgNode

from pointclip.workers import configure, start
from pointclip.workers.allowance import GB
from pointclip.workers.pool import AUTO


def configure_reading(settings: CfgNode) -> None:
    """Let the program's pool of reading processes be as the settings say."""
    c = settings.READING
    workers = AUTO if c.WORKERS == "auto" else int(c.WORKERS)
    configure(workers, c.TIMEOUT, int(c.MEMORY * GB))


def start_reading(args: argparse.Namespace, settings: CfgNode) -> None:
    """Start the first process if the run will read files, so that it is ready when torch has been imported."""
    configure_reading(settings)
    own = any(getattr(args, name, None) for name in ("input", "train", "test"))
    if own or not settings.DATASET.NAME.startswith("synthetic"):
        start()
