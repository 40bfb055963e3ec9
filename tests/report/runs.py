"""A small run of every kind that writes a page, with a tiny encoder."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from fewshot_cls import main as fewshot
from pointclip.datasets.synthetic import generate
from pointclip.datasets.synthetic.unseen import KINDS, generate_unseen
from pointclip.encoder import load_encoder
from tests.tasks import ROOT
from zeroshot_cls import main as classification
from zeroshot_det import main as detection
from zeroshot_det.scenes.rooms import make_room
from zeroshot_seg import main as segmentation

VIEWS = ("PROJECTION.VIEWS", "4, 9")
NINE = ("DATASET.MAX_SHAPES", 9, "DATASET.NUM_POINTS", 256)
ADAPTER = ("METHOD", "adapter", "SHOTS", 1, "TRAIN.EPOCHS", 2)  # trained, so that the page has curves
MAINS = {
    "zeroshot_cls": classification,
    "zeroshot_seg": segmentation,
    "fewshot_cls": fewshot,
    "zeroshot_det": detection,
}


class Runs:
    """The runs, each made when its page is first asked for; `KINDS_OF_PAGES` has their names."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.page = functools.cache(self._page)  # the path of report.html, by the kind's name

    def _page(self, kind: str) -> Path:
        task, config, words = KINDS_OF_PAGES[kind](self)
        words = [*words, "PROMPTS.FILE", "", "OUTPUT", self.folder / kind.replace(" ", "_")]
        torch.manual_seed(3)
        encoder = load_encoder("tiny-vit", None, precision="fp32")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)
            MAINS[task].main(["--quiet", "--config", f"{ROOT / task}/configs/{config}.yaml", *map(str, words)])
        (page,) = (self.folder / kind.replace(" ", "_")).rglob("report.html")
        return page

    @functools.cached_property
    def files(self) -> list[Path]:
        """A cloud and a mesh, in a folder with a long name."""
        folder = self.folder / "a folder with a long name, as people have them" / "scans"
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "chair.npy", generate("chair", 1, 2000).points)
        trimesh.creation.torus(1, 0.3).export(folder / "a ring & more.ply")
        return sorted(folder.iterdir())

    @functools.cached_property
    def scan(self) -> Path:
        np.save(self.folder / "room.npy", make_room(3).points)
        return self.folder / "room.npy"

    @functools.cached_property
    def training(self) -> Path:
        """Two folders of three shapes."""
        folder = self.folder / "training"
        for kind in KINDS[:2]:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for seed in range(3):
                np.save(folder / kind / f"{seed}.npy", generate_unseen(kind, seed, 300).points)
        return folder

    @property
    def head(self) -> Path:
        return self.page("few-shot").with_name("head.safetensors")


# name -> task, config and further words
KINDS_OF_PAGES: dict[str, Callable[[Runs], tuple[str, str, tuple]]] = {
    "classification": lambda runs: ("zeroshot_cls", "demo", (*VIEWS, "DATASET.MAX_SHAPES", 12)),
    "classification of files": lambda runs: (
        "zeroshot_cls",
        "own_shapes",
        ("--input", *runs.files, *VIEWS, "--classes", "chair, ring"),
    ),
    "segmentation": lambda runs: ("zeroshot_seg", "demo", ("DATASET.MAX_SHAPES", 1)),
    "segmentation of files": lambda runs: (
        "zeroshot_seg",
        "own_shapes",
        ("--input", runs.files[0], "--category", "thing", "--parts", "top, bottom"),
    ),
    "few-shot": lambda runs: ("fewshot_cls", "demo", (*VIEWS, *NINE, *ADAPTER)),
    "few-shot, head scored elsewhere": lambda runs: ("fewshot_cls", "demo", ("--head", runs.head, *VIEWS, *NINE)),
    "few-shot of files": lambda runs: (
        "fewshot_cls",
        "own_shapes",
        ("--train", runs.training, "--input", runs.files[0], *VIEWS, *ADAPTER),
    ),
    "detection": lambda runs: ("zeroshot_det", "demo", ("DATASET.MAX_SHAPES", 1, "PROPOSALS.MAX_BOXES", 4)),
    "detection in files": lambda runs: (
        "zeroshot_det",
        "own_scans",
        ("--input", runs.scan, "--up", "z", "--classes", "chair, table, lamp", "PROPOSALS.MAX_BOXES", 4),
    ),
}
