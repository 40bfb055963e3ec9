"""Classes without shots beside learned ones."""

import numpy as np
import pytest
import torch

from fewshot_cls.new_classes import SCALE, BaseShapes, base_classes, beside_new, with_new
from fewshot_cls.scores import evaluate
from pointclip.datasets.synthetic import UnseenShapes
from pointclip.errors import InputError

NAMES = ("bottle", "ladder", "sofa", "night_stand", "lamp")


def test_zero_shot_divides_between_learned_and_new_and_the_head_among_learned():
    generator = torch.Generator().manual_seed(0)
    logits, zero = torch.randn(7, 3, generator=generator), 100 * torch.rand(7, 5, generator=generator)
    together = beside_new(logits, zero, [0, 2, 3]).softmax(1)
    alone = (SCALE * zero).softmax(1)
    torch.testing.assert_close(together[:, [1, 4]], alone[:, [1, 4]])
    among = together[:, [0, 2, 3]] / together[:, [0, 2, 3]].sum(1, keepdim=True)
    torch.testing.assert_close(among, logits.softmax(1))


def test_without_new_classes_the_head_decides_alone():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(beside_new(logits, torch.zeros(4, 3), range(3)).softmax(1), logits.softmax(1))


@pytest.mark.parametrize(
    ("wanted", "base"),
    [
        ("all", NAMES),
        ("half", NAMES[:3]),
        ("Lamp, night stand", ("night_stand", "lamp")),
        ("lamp", None),
        ("lamp, chair", None),
    ],
)
def test_classes_with_shots(wanted, base):
    if base is None:
        with pytest.raises(InputError, match=f"SHOTS_CLASSES is '{wanted}'.*out of bottle"):
            base_classes(wanted, NAMES)
    else:
        assert base_classes(wanted, NAMES) == base


def test_new_classes_have_no_training_shapes():
    assert with_new(("chair", "stool"), ("lamp",)) == ("chair", "stool", "lamp")
    with pytest.raises(InputError, match="'Night stand', which has training shapes"):
        with_new(NAMES, ("Night stand",))


def test_shapes_of_other_classes_have_no_label():
    shapes = UnseenShapes(split="train", num_points=16)
    some = BaseShapes(shapes, shapes.class_names[2:0:-1])
    for place in (0, len(shapes) // 2, len(shapes) - 1):
        name = shapes.class_names[shapes[place].label]
        label = some.class_names.index(name) if name in some.class_names else -1
        assert some[place].label == some.labels[place] == label
    assert set(np.unique(some.labels)) == {-1, 0, 1}


def test_accuracies_of_both_kinds_of_classes():
    labels = torch.tensor([0, 0, 0, 1, 2, 2, -1])
    logits = torch.eye(3)[torch.tensor([0, 0, 1, 1, 2, 0, 2])]
    scores = evaluate(logits, labels, NAMES[:3])
    found = scores.base_to_new([0, 1])
    assert found == pytest.approx({"base_accuracy": 75.0, "new_accuracy": 50.0, "harmonic_mean": 60.0})
    assert scores.base_to_new([0, 1, 2]) is None
