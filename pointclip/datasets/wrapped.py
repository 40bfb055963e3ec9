"""Data sets made of another one, whose shapes are changed as they are read."""

from collections.abc import Sequence

from pointclip.datasets.base import Shape, ShapeSet


class Wrapped:
    """A data set whose shapes are another's, changed by `changed`; it is read ahead as that one is.

    Args:
        shapes: the other one. What it says of itself (classes, labels, notes, copies) holds of this one too.
    """

    def __init__(self, shapes: ShapeSet):
        self.class_names, self.labels, self.part_names = shapes.class_names, shapes.labels, shapes.part_names
        self.notes: Sequence[str] = getattr(shapes, "notes", ())
        self.copies = getattr(shapes, "copies", 1)
        self.shapes = shapes
        if hasattr(shapes, "prepare"):
            self.prepare = shapes.prepare

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, index: int) -> Shape:
        return self.changed(self.shapes[index], index)

    def changed(self, shape: Shape, index: int) -> Shape:
        """The shape of this data set, made of the other one's."""
        raise NotImplementedError
