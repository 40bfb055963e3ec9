"""`pointclip doctor` and `pointclip cache`."""

import sys

import pytest

from pointclip.datasets.catalog import SOURCES
from pointclip_cli import cache, doctor
from tests.datasets.layouts import write_modelnet40


def report(capsys, *words):
    code = doctor.main(["--offline", *words])
    return code, capsys.readouterr().out


def test_the_doctor_looks_at_everything_and_finds_no_fault_here(capsys, tmp_path):
    code, said = report(capsys, "--root", str(tmp_path))
    assert code == 0
    assert "Runs work here." in said
    for subject in ("pointclip", "tasks", "torch", "torchvision", "open_clip", "device", "bf16", "numba", "triton"):
        assert f"  {subject} " in said
    for source in SOURCES.values():
        assert f"{source.title:<16}not in {tmp_path}" in said
    assert f"→ pointclip download modelnet40 --root {tmp_path}" in said


def test_a_data_set_that_is_there_is_seen_and_a_wrong_file_with_verify(tmp_path):
    write_modelnet40(tmp_path)
    found = {finding.subject: finding for finding in doctor.data_sets(tmp_path, verify=False)}["ModelNet40"]
    assert str(tmp_path) in found.said
    checked = {finding.subject: finding for finding in doctor.data_sets(tmp_path, verify=True)}["ModelNet40"]
    assert checked.mend == f"pointclip download modelnet40 --root {tmp_path}"


def test_a_broken_torch_is_a_fault_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)  # as where it is not installed
    found = {finding.subject: finding for finding in doctor.torch_pair()}["torchvision"]
    assert found.fault
    assert "pip install" in found.mend


def test_a_fault_is_told_by_the_exit_code(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "findings", lambda *_: [doctor.Finding("torch", "gone", "pip install torch", True)])
    code, said = report(capsys)
    assert code == 1
    assert said.startswith("FAIL  torch")
    assert "1 fault(s)" in said


def test_a_hub_that_does_not_answer_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setattr(doctor, "unreachable", lambda url, seconds: f"no answer in {seconds:g} s")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    hub = {finding.subject: finding for finding in doctor.weights(offline=False)}["hub"]
    assert hub.said == "cannot be reached (no answer in 3 s)"
    assert not hub.fault
    assert "ENCODER.PRETRAINED" in hub.mend


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("POINTCLIP_CACHE", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "sentences.sqlite").write_bytes(bytes(3_000_000))
    (tmp_path / "compiled" / "a").mkdir(parents=True)
    (tmp_path / "compiled" / "a" / "kernel.nbi").write_bytes(bytes(1_000_000))
    return tmp_path


def test_the_cache_is_shown(folder, capsys):
    cache.main([])
    said = capsys.readouterr().out
    assert f"sentences        3.0 MB  {folder / 'sentences.sqlite'}" in said
    assert f"compiled         1.0 MB  {folder / 'compiled'}" in said


@pytest.mark.parametrize(("what", "left"), [("sentences", "compiled"), ("compiled", "sentences")])
def test_one_kind_is_cleared(what, left, folder):
    cache.main(["--clear", what])
    sizes = {name: size for name, (_, size) in cache.kept().items()}
    assert sizes[what] == 0
    assert sizes[left] > 0
