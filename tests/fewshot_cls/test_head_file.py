"""Head files: the same logits after reading, and clear errors."""

import pytest
import torch

from fewshot_cls.checkpoint import load_checkpoint, save_checkpoint
from fewshot_cls.head_facts import HeadFacts
from fewshot_cls.methods import METHODS
from fewshot_cls.methods.adapter import AdaptedHead, InterViewAdapter
from fewshot_cls.methods.head import Head
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


def make_head(method: str) -> Head:
    if method == "smoothing":
        return zero_shot()
    if method == "adapter":
        return AdaptedHead(InterViewAdapter(VIEWS, WIDTH, 0.3, 0.1), zero_shot().classes)
    return METHODS[method].head.fit(zero_shot(), *labelled_views(3), how="sum", **NUMBERS.get(method, {}))


@pytest.mark.parametrize("method", METHODS)
def test_head_reads_back_bit_identical(tmp_path, method):
    head = make_head(method.removesuffix("_smoothing"))
    smoothing = LearnedSmoothing(SPEC, seed=3) if METHODS[method].smoothing else None
    path = tmp_path / "head.safetensors"
    head.save(path, facts(method, head.numbers), smoothing)
    again = Head.load(path)
    test, _ = labelled_views(2, seed=4)
    with torch.no_grad():
        assert torch.equal(again.head(test), head.eval()(test))
    assert again.facts == facts(method, head.numbers)
    assert torch.equal(again.head.zero_shot(zero_shot().weights)(test), zero_shot()(test))
    if smoothing is not None:
        LearnedSmoothing(SPEC).load_state_dict(again.smoothing)
    assert bool(again.smoothing) == (smoothing is not None)


def test_rejects_other_encoder_and_view_count():
    facts().check_fits("key", "demo, fp32", VIEWS)
    with pytest.raises(InputError, match="trained for the encoder demo, fp32, but this one is RN50"):
        facts().check_fits("other", "RN50, fp32", VIEWS)
    with pytest.raises(InputError, match=f"trained for {VIEWS} views, but the projection has 10"):
        facts().check_fits("key", "demo, fp32", 10)


def test_shared_classes():
    assert facts().class_columns(("table", "night stand", "chair")) == ([0, 1], [2, 1])
    with pytest.raises(InputError, match="none of the data set's classes"):
        facts().class_columns(("table",))


def test_rejects_missing_and_foreign_files(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        Head.load(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="is not a few-shot head"):
        Head.load(tmp_path / "bad.safetensors")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "was written by a later version"),
        ({"format": "1"}, "is not a few-shot head"),
        ({"method": "unknown"}, "has the unknown method 'unknown'"),
        ({"method": ["tip_adapter"]}, "as method"),
        ({"method": "adapter"}, "has other tensors than adapter has"),
        ({"view_count": -1}, "says -1 as view_count"),
        ({"view_count": VIEWS + 1}, "has other tensors than tip_adapter has"),
        ({"class_names": "chair"}, "as class_names"),
        ({"class_names": ["chair", "lamp"]}, "has other tensors than tip_adapter has for 2 classes and"),
        ({"class_names": None}, "lacks the fact 'class_names'"),
        ({"numbers": {"alpha": float("nan")}}, "as numbers"),
        ({"numbers": {"gamma": 3}}, "has other tensors than tip_adapter has"),
        ({"temperature": 0}, "says 0 as temperature"),
        ({"calibrated": "no"}, "as calibrated"),
        ({"extra": 1}, "has the unknown fact 'extra'"),
    ],
)
def test_other_facts_are_refused(tmp_path, change, words):
    path = tmp_path / "head.safetensors"
    head = make_head("tip_adapter")
    head.save(path, facts("tip_adapter", head.numbers))
    tensors, metadata = load_checkpoint(path)
    metadata = {name: value for name, value in (metadata | change).items() if value is not None}
    save_checkpoint(path, tensors, metadata)
    with pytest.raises(InputError, match=words):
        Head.load(path)


@pytest.mark.parametrize("method", ["tip_adapter", "adapter", "smoothing"])
@pytest.mark.parametrize("damage", ["nan", "cut", "gone"])
def test_other_tensors_are_refused(tmp_path, method, damage):
    path = tmp_path / "head.safetensors"
    head = make_head(method)
    head.save(path, facts(method, head.numbers))
    tensors, metadata = load_checkpoint(path)
    for name, tensor in tensors.items():
        if tensor.dim() == 0 or not tensor.is_floating_point():
            continue
        others = {key: value for key, value in tensors.items() if key != name}
        changed = {"nan": {name: tensor * float("nan")}, "cut": {name: tensor.reshape(-1)[:1]}, "gone": {}}
        save_checkpoint(path, others | changed[damage], metadata)
        with pytest.raises(InputError, match="The few-shot head"):
            Head.load(path)


def test_older_files_name_the_fusion_of_views_otherwise(tmp_path):
    head = make_head("tip_adapter")
    head.save(tmp_path / "head.safetensors", facts("tip_adapter", {**head.numbers, "how": "pooled"}))
    assert Head.load(tmp_path / "head.safetensors").head.how == head.how == "sum"
