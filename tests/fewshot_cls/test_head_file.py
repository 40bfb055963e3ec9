"""Head files: the same logits after reading, and clear errors."""

import pytest
import torch

from fewshot_cls.adapter import InterViewAdapter
from fewshot_cls.grid_search import CLOSED_FORMS
from fewshot_cls.head_file import AdaptedHead, HeadFacts, check_fits, class_columns, load_head, save_head
from fewshot_cls.smoothing import LearnedSmoothing
from pointclip.errors import InputError
from tests.fewshot_cls.samples import VIEWS, WIDTH, labelled_views, zero_shot
from zeroshot_cls.realistic_projection import SPEC

NUMBERS = {"tip_adapter": {"alpha": 2.0, "beta": 3.0}, "kernel_ridge": {"alpha": 0.5, "beta": 3.0}}
NAMES = ("chair", "night_stand", "lamp", "mug", "bed")


def facts(method: str = "tip_adapter", numbers: dict | None = None) -> HeadFacts:
    return HeadFacts(
        method, "demo, fp32", "key", VIEWS, NAMES, {"METHOD": "realistic"}, {"chair": ["a chair."]},
        numbers or {}, "unit", {}, "set, 4 shots, seed 0", "validation shots",
    )  # fmt: skip


def make_head(method: str):
    """A head, its method's name and the hyperparameters to rebuild it."""
    views, labels = labelled_views(3)
    if method == "zero":
        return zero_shot(), "smoothing", {}
    if method == "adapter":
        adapter = InterViewAdapter(VIEWS, WIDTH, 0.3, 0.1)
        return AdaptedHead(adapter, zero_shot().classes), method, {"scale": 0.3, "dropout": 0.1}
    head = CLOSED_FORMS[method](zero_shot(), views, labels, **NUMBERS.get(method, {}))
    return head, method, NUMBERS.get(method, {})


@pytest.mark.parametrize("method", ["zero", "adapter", *CLOSED_FORMS])
def test_head_reads_back_bit_identical(tmp_path, method):
    head, name, numbers = make_head(method)
    smoothing = LearnedSmoothing(SPEC, seed=3) if name == "smoothing" else None
    path = tmp_path / "head.safetensors"
    save_head(path, head, facts(name, numbers), smoothing)
    again, read, tensors = load_head(path)
    test, _ = labelled_views(2, seed=4)
    with torch.no_grad():
        assert torch.equal(again(test), head.eval()(test))
    assert read == facts(name, numbers)
    if smoothing is not None:
        LearnedSmoothing(SPEC).load_state_dict(tensors)
    assert bool(tensors) == (smoothing is not None)


def test_rejects_other_encoder_and_view_count():
    check_fits(facts(), "key", "demo, fp32", VIEWS)
    with pytest.raises(InputError, match="trained for the encoder demo, fp32, but this one is RN50"):
        check_fits(facts(), "other", "RN50, fp32", VIEWS)
    with pytest.raises(InputError, match=f"trained for {VIEWS} views, but the projection has 10"):
        check_fits(facts(), "key", "demo, fp32", 10)


def test_shared_classes():
    assert class_columns(facts(), ("table", "night stand", "chair")) == ([0, 1], [2, 1])
    with pytest.raises(InputError, match="none of the data set's classes"):
        class_columns(facts(), ("table",))


def test_rejects_missing_and_foreign_files(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        load_head(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="is not a few-shot head"):
        load_head(tmp_path / "bad.safetensors")
