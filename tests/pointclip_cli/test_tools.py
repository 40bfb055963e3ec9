"""`pointclip doctor` and `pointclip cache`."""

import sys
from importlib.metadata import PackageNotFoundError

import pytest

from pointclip.datasets.catalog import SOURCES
from pointclip_cli import cache, doctor
from tests.datasets.layouts import write_modelnet40


def report(capsys, *words):
    code = doctor.main(["--offline", *words])
    return code, capsys.readouterr().out


@pytest.mark.auto_precision
def test_doctor_checks_everything_and_finds_no_fault(capsys, tmp_path):
    code, printed = report(capsys, "--root", str(tmp_path))
    assert code == 0
    assert "Ready to run." in printed
    checked = {"pointclip", "tasks", "requirements", "torch", "torchvision", "open_clip", "device", "bf16", "numba"}
    for subject in checked | {"triton"}:
        assert f"  {subject} " in printed
    for source in SOURCES.values():
        assert f"{source.title:<16}not in {tmp_path}" in printed
    assert f"→ pointclip download modelnet40 --root {tmp_path}" in printed


def test_data_set_is_found_and_wrong_file_detected_by_verify(tmp_path):
    write_modelnet40(tmp_path)
    finding = {finding.subject: finding for finding in doctor.data_sets(tmp_path, verify=False)}["ModelNet40"]
    assert str(tmp_path) in finding.result
    verified = {finding.subject: finding for finding in doctor.data_sets(tmp_path, verify=True)}["ModelNet40"]
    assert verified.fix == f"pointclip download modelnet40 --root {tmp_path}"


def test_broken_torchvision_is_a_fault_with_a_fix(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)  # as if not installed
    finding = {finding.subject: finding for finding in doctor.torch_pair()}["torchvision"]
    assert finding.fault
    assert "pip install" in finding.fix


def test_too_old_and_missing_packages_are_faults_with_a_fix(monkeypatch):
    def version(name):
        if name == "lazrs":  # of laspy[lazrs]
            raise PackageNotFoundError(name)
        return "1.12.0" if name == "scipy" else metadata_version(name)

    metadata_version = doctor.version
    monkeypatch.setattr(doctor, "version", version)
    found = list(doctor.requirements())
    assert all(finding.fault for finding in found)
    assert [finding.result for finding in found] == [
        "scipy 1.12.0 is installed, but scipy>=1.13 is needed",
        "lazrs is not installed",
    ]
    assert found[0].fix == 'pip install "scipy>=1.13"'


def test_exit_code_of_a_fault(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "findings", lambda *_: [doctor.Finding("torch", "gone", "pip install torch", True)])
    code, printed = report(capsys)
    assert code == 1
    assert printed.startswith("FAIL  torch")
    assert "1 problem(s)" in printed


def test_unreachable_hub_is_reported_with_a_fix(monkeypatch):
    monkeypatch.setattr(doctor, "unreachable", lambda url, seconds: f"no answer in {seconds:g} s")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    hub = {finding.subject: finding for finding in doctor.weights(offline=False)}["hub"]
    assert hub.result == "cannot be reached (no answer in 3 s)"
    assert not hub.fault
    assert "ENCODER.PRETRAINED" in hub.fix


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("POINTCLIP_CACHE", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "sentences.sqlite").write_bytes(bytes(3_000_000))
    (tmp_path / "compiled" / "a").mkdir(parents=True)
    (tmp_path / "compiled" / "a" / "kernel.nbi").write_bytes(bytes(1_000_000))
    return tmp_path


def test_cache_sizes_are_printed(folder, capsys):
    cache.main([])
    printed = capsys.readouterr().out
    assert f"sentences        3.0 MB  {folder / 'sentences.sqlite'}" in printed
    assert f"compiled         1.0 MB  {folder / 'compiled'}" in printed


@pytest.mark.parametrize(("cleared", "kept"), [("sentences", "compiled"), ("compiled", "sentences")])
def test_clearing_one_cache_keeps_the_other(cleared, kept, folder):
    cache.main(["--clear", cleared])
    sizes = {name: size for name, (_, size) in cache.cache_sizes().items()}
    assert sizes[cleared] == 0
    assert sizes[kept] > 0
