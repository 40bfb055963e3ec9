"""Some classes of a data set of scenes."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

import numpy as np

from pointclip.errors import InputError
from pointclip.prompts import key_of
from zeroshot_det.scenes.base import Scene, SceneSet


class OfClasses:
    """A data set with only some of its classes: the boxes of the others are neither expected nor named.

    Args:
        scenes: the data set.
        names: of the classes, in any order.

    Raises:
        InputError: for a name that the data set does not have.
    """

    def __init__(self, scenes: SceneSet, names: Sequence[str]):
        numbers = {key_of(name): number for number, name in enumerate(scenes.class_names)}
        for name in names:
            if key_of(name) not in numbers:
                near = get_close_matches(key_of(name), numbers, n=1)
                known = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(scenes.class_names)}."
                raise InputError(f"The data set has no class {name!r}; {known}")
        self.scenes, self.has_truth, self.names = scenes, scenes.has_truth, scenes.names
        self.notes, self.total = getattr(scenes, "notes", ()), getattr(scenes, "total", len(scenes))
        self._chosen = np.array(sorted({numbers[key_of(name)] for name in names}))
        self.class_names = tuple(scenes.class_names[number] for number in self._chosen)

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Scene:
        scene = self.scenes[index]
        kept = np.isin(scene.labels, self._chosen)
        labels = np.searchsorted(self._chosen, scene.labels[kept])
        return replace(scene, boxes=scene.boxes[kept], labels=labels)
