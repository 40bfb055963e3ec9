"""Tables out of many runs: definitions, resuming, what cannot run, verdicts, and what is written."""

import contextlib
import csv
import json
import os
from pathlib import Path

import open_clip
import pytest
import torch
import yaml

from pointclip.config import defaults, load_config
from pointclip.encoder import load_encoder
from pointclip.errors import CannotFetch, InputError
from pointclip.run import write_json
from pointclip.tables import Task, identity, make_tables, schema
from pointclip.tables.command import parse
from pointclip.tables.definition import Cell, Job, read_table
from pointclip.tables.runs import Outcome, weights_file
from pointclip.tables.show import footnotes
from pointclip.tables.verdicts import figure, judge, signed
from prompts.build import KINDS, write_by_kind
from prompts.build import main as build

ROOT = Path(__file__).resolve().parents[1]
TABLE = {
    "title": "A table",
    "heads": ["sentences", "pose"],
    "metric": "accuracy",
    "config": "demo",
    "tolerance": {"value": 0.5, "reason": "Because."},
    "columns": [{"name": "own pose"}, {"name": "turned", "settings": {"DATASET.TURN": "free"}}],
    "rows": [
        {"name": "template", "settings": {"PROMPTS.FILE": ""}, "published": {"own pose": 60.4}},
        {"name": "searched", "search": {"what": "prompts", "split": "test", "in": "own pose"}},
    ],
}


class FakeTask:
    """A task whose main writes what a real one does; `answers` says what it does for a config's name."""

    def __init__(self, folder: Path):
        self.calls, self.answers = [], {}
        self.folder = folder / "task"
        for name in ("configs", "tables"):
            (self.folder / name).mkdir(parents=True)
        self.config("demo", {})
        self.table("t", TABLE)
        self.task = Task(self.main, defaults, self.folder, write_by_kind)
        self.output = folder / "out"

    def config(self, name, values):
        (self.folder / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(values))

    def table(self, name, values):
        (self.folder / "tables" / f"{name}.yaml").write_text(yaml.safe_dump(values))

    def main(self, words):
        assert words[:2] == ["--quiet", "--config"]
        print("noise of a run")
        config = Path(words[2])
        rest = words[3:]
        search = rest[1] if rest[0] == "--search" else ""
        pairs = rest[4:] if search else rest
        pairs = dict(zip(pairs[::2], pairs[1::2], strict=True))
        self.calls.append((config.stem, search, pairs))
        if pairs["CACHE"]:
            Path(pairs["CACHE"]).mkdir(parents=True, exist_ok=True)
            (Path(pairs["CACHE"]) / f"{len(self.calls)}.safetensors").touch()
        answer = self.answers.get(config.stem, {})
        if isinstance(answer, BaseException):
            raise answer
        folder = Path(pairs["OUTPUT"]) / config.stem
        notes = ["Chosen on test labels."] if search or "SEARCHED" in pairs else []
        metrics = {"accuracy": 60.0 + len(self.calls), "shapes": 7, "notes": notes}
        metrics["tuned_on_test_labels"] = bool(notes)
        folder.mkdir(parents=True, exist_ok=True)
        if search:
            (folder / "searched.yaml").write_text(f"call: {len(self.calls)}")
        metrics.update(answer)
        write_json(folder / "metrics.json", metrics)
        return metrics

    def make(self, *words):
        return make_tables(self.task, ["t", "--output", str(self.output), *map(str, words)])

    def rows(self, name="t_demo"):
        with open(self.output / f"{name}.csv", encoding="utf-8") as file:
            return {(row["row"], row["column"]): row for row in csv.DictReader(file)}


@pytest.fixture
def fake(tmp_path, monkeypatch):
    monkeypatch.delenv("ROOT", raising=False)
    monkeypatch.delenv("CHECKPOINT", raising=False)
    return FakeTask(tmp_path)


def test_cells_rest_on_each_other_and_are_written(fake, capsys):
    assert fake.make() == 0
    assert [(search, pairs.get("DATASET.TURN")) for _, search, pairs in fake.calls] == [
        ("", None), ("", "free"), ("prompts", None), ("", "free")]  # fmt: skip
    searched = Path(fake.calls[3][2]["SEARCHED"])
    assert searched.read_text() == "call: 3"
    rows = fake.rows()
    assert rows["template", "own pose"]["difference"] == "0.60"
    assert rows["template", "own pose"]["verdict"] == "differs by +0.60"
    assert rows["template", "turned"]["published"] == ""
    assert [row["tuned_on_test_labels"] for row in rows.values()] == ["0", "0", "1", "1"]
    assert rows["searched", "turned"]["notes"] == "Chosen on test labels."
    markdown = (fake.output / "t_demo.md").read_text()
    assert "| template | own pose | 60.40 | 61.00 | +0.60 | differs by +0.60 |" in markdown
    assert "| searched | turned | — | 64.00† [a] | — | — |" in markdown
    assert "[a] Chosen on test labels." in markdown
    assert "† Labels of a test split" in markdown
    assert "within 0.5 points. Because." in markdown
    printed = capsys.readouterr()
    assert "noise" not in printed.out + printed.err
    assert "64.00† [a]" in printed.out
    assert "1/4 template × own pose … 61.00" in printed.err
    assert "noise of a run" in next(fake.output.glob("runs/*/log.txt")).read_text()


def test_what_loggers_say_goes_to_the_log(fake, capfd):
    """A logger's handler keeps the standard error that it found when it was made."""
    main = fake.main

    def talks(words):
        os.write(2, b"Retrying in 1s\n")
        return main(words)

    fake.task = Task(talks, defaults, fake.folder, write_by_kind)
    fake.make()
    assert "Retrying" not in capfd.readouterr().err
    assert "Retrying" in next(fake.output.glob("runs/*/log.txt")).read_text()


def test_a_second_call_runs_nothing_and_a_changed_setting_runs_all(fake):
    fake.make()
    before = fake.rows()
    fake.make()
    assert len(fake.calls) == 4
    assert fake.rows() == before
    fake.make("DATASET.MAX_SHAPES", 3)
    assert len(fake.calls) == 8
    fake.make("--again")
    assert len(fake.calls) == 12


def test_what_was_not_finished_is_run_again(fake):
    fake.make()
    next(fake.output.glob("runs/*/cell.json")).unlink()
    fake.make()
    assert len(fake.calls) >= 5
    calls = len(fake.calls)
    next(fake.output.glob("runs/*/demo/metrics.json")).write_text('{"accuracy": ')
    fake.make()
    assert len(fake.calls) > calls


def test_a_changed_config_or_sentence_file_runs_again(fake, tmp_path):
    prompts = tmp_path / "p.json"
    prompts.write_text('{"chair": ["a"]}')
    fake.table("t", TABLE | {"rows": [{"name": "own"}], "columns": []})
    fake.make("PROMPTS.FILE", prompts)
    fake.make("PROMPTS.FILE", prompts)
    assert len(fake.calls) == 1
    prompts.write_text('{"chair": ["b"]}')
    fake.make("PROMPTS.FILE", prompts)
    assert len(fake.calls) == 2
    fake.config("demo", {"SEED": 4})
    fake.make("PROMPTS.FILE", prompts)
    assert len(fake.calls) == 3


def test_other_code_of_the_task_runs_again_in_the_same_folders(fake):
    fake.table("t", TABLE | {"columns": [{"name": "own pose"}]})
    names = ("view_weights.yaml", "own.py", "more/own.py")
    for calls, name in enumerate((None, *names), start=1):
        if name:
            path = fake.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("x: 1")
        fake.make()
        fake.make()
        assert len(fake.calls) == 2 * calls, name
    folders = {path.parent.name for path in fake.output.glob("runs/*/cell.json")}
    assert len(folders) == 2
    (fake.folder / "own.py").unlink()
    fake.make()
    assert len(fake.calls) == 10


def test_other_code_of_the_package_is_other_code(fake, tmp_path, monkeypatch):
    own = tmp_path / "package"
    (own / "projection").mkdir(parents=True)
    kernel = own / "projection" / "kernels.py"
    kernel.write_text("a = 1")
    monkeypatch.setattr(identity, "PACKAGE", own)
    before = identity.digest_of_code(fake.folder)
    assert identity.digest_of_code(fake.folder) == before
    kernel.write_text("a = 2")
    changed = identity.digest_of_code(fake.folder)
    kernel.rename(own / "kernels.py")
    assert len({before, changed, identity.digest_of_code(fake.folder)}) == 3
    monkeypatch.setattr(torch, "__version__", "0.1")
    assert identity.digest_of_code(fake.folder) != changed


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("DATASET.NAME", "own.py"),
        ("ENCODER.PRETRAINED", "own.pt"),
        ("SEARCHED", "searched.yaml"),
        ("PROMPTS.FILE", "own.json"),
    ],
)
def test_a_run_is_told_from_others_by_what_its_files_hold(tmp_path, setting, name):
    def told():
        settings = load_config(defaults(), None, ["ENCODER.NAME", "RN50", setting, str(path)])
        return identity.identify(settings, None, "code")

    path = tmp_path / name
    missing = told()
    path.write_text("a")
    before = told()
    assert told() == before != missing
    path.write_text("bb")
    assert told() != before
    assert str(tmp_path) not in str(told())
    assert identity.name_of(told()) != identity.name_of(before)


def test_a_run_is_told_from_others_by_the_origin_of_its_sentences_and_the_bundled_encoder(tmp_path, monkeypatch):
    def told():
        return identity.identify(load_config(defaults(), None, ["PROMPTS.FILE", str(tmp_path / "p.json")]), None, "")

    (tmp_path / "p.json").write_text("{}")
    before = told()
    (tmp_path / "p.origin.yaml").write_text("tuned_on_test_labels: true")
    marked = told()
    monkeypatch.setattr(identity, "DEMO_FOLDER", tmp_path)
    (tmp_path / "demo-clip.json").write_text("{}")
    (tmp_path / "demo-clip.safetensors").write_text("other weights")
    bundled = told()
    (tmp_path / "demo-clip.safetensors").write_text("more weights")
    assert len({str(one) for one in (before, marked, bundled, told())}) == 4


def test_weights_that_could_not_be_fetched_are_asked_for_once(fake):
    for name, encoder in {"a": "RN50", "b": "RN50", "c": "RN101"}.items():
        fake.config(name, {"ENCODER": {"NAME": encoder, "PRETRAINED": "openai"}})
        fake.answers[name] = CannotFetch(f"No hub for {name}.")
    rows = [{"name": name, "config": name} for name in "abc"] + [{"name": "demo"}]
    fake.table("t", TABLE | {"rows": rows, "columns": []})
    fake.make()
    assert [config for config, *_ in fake.calls] == ["a", "c", "demo"]
    verdicts = [row["verdict"] for row in fake.rows().values()]
    assert verdicts[:3] == ["not run: No hub for a.", "not run: No hub for a.", "not run: No hub for c."]
    fake.answers.clear()  # the next call asks anew
    fake.make("--strict")
    assert [config for config, *_ in fake.calls[3:]] == ["a", "b", "c"]


def test_an_unreachable_hub_is_told_as_what_cannot_be_fetched(monkeypatch):
    def refuse(entry):
        raise FileNotFoundError("no route to host")

    monkeypatch.setattr(open_clip, "download_pretrained", refuse)
    with pytest.raises(CannotFetch, match="could not be fetched from"):
        load_encoder("ViT-B-16", "openai")


@pytest.mark.parametrize("error", [None, InputError("No training shapes.")])
def test_no_cache_keeps_no_features_of_searches_either(fake, error):
    fake.table("t", TABLE | {"rows": TABLE["rows"][1:]})
    if error:
        fake.answers["demo"] = error
    fake.make("--cache", "")
    caches = [(search, Path(pairs["CACHE"]).name) for _, search, pairs in fake.calls]
    assert caches == [("prompts", "cache"), ("", "")][: 1 if error else 2]
    assert not list(fake.output.rglob("*.safetensors"))


def test_kept_features_go_where_they_are_wanted(fake, tmp_path):
    fake.make()
    assert len(list((fake.output / "cache").iterdir())) == 4
    fake.make("--again", "CACHE", tmp_path / "big")
    assert len(list((tmp_path / "big").iterdir())) == 4
    assert str(tmp_path) not in (fake.output / "t_demo.md").read_text()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("ModelNet40 is\nnot there: fetch it."), "not run: ModelNet40 is not there: fetch it."),
        (torch.OutOfMemoryError("CUDA out of memory."), "not run: The memory is not enough (CUDA out of memory)."),
        (MemoryError(), "not run: The memory is not enough (MemoryError)."),
        (OSError(28, "No space left"), "not run: The system refused a file: [Errno 28] No space left."),
    ],
)
def test_what_cannot_run_is_named_in_its_cell_and_the_rest_goes_on(fake, error, said):
    rows = [{"name": "there"}, {"name": "missing", "config": "other"}]
    fake.config("other", {})
    fake.answers["other"] = error
    fake.table("t", TABLE | {"rows": rows, "columns": []})
    assert fake.make() == 0
    found = fake.rows()
    assert found["there", ""]["ours"] == "61.00"
    assert (found["missing", ""]["ours"], found["missing", ""]["verdict"]) == ("", said)
    markdown = (fake.output / "t_demo.md").read_text()
    assert "| missing | not run [a] |" in markdown
    assert said.replace("not run: ", "[a] ") in markdown
    assert fake.make("--strict") == 1
    assert [config for config, *_ in fake.calls] == ["demo", "other", "other"]  # it is tried again
    del fake.answers["other"]
    assert fake.make("--strict") == 0


def test_a_cell_that_rests_on_a_failed_search_says_so(fake):
    main, turned = fake.main, dict(TABLE, rows=TABLE["rows"][1:])
    fake.table("t", turned)

    def fails(words):
        if "--search" in words:
            raise InputError("No training shapes.")
        return main(words)

    fake.task = Task(fails, defaults, fake.folder, write_by_kind)
    fake.make()
    assert not fake.calls
    assert "rests on could not run: No training shapes." in fake.rows()["searched", "turned"]["verdict"]


def test_a_missing_config_is_named_in_its_cell(fake):
    fake.table("t", TABLE | {"rows": [{"name": "a", "config": "nowhere"}], "columns": []})
    fake.make()
    assert "Cannot read the config" in fake.rows()["a", ""]["verdict"]
    assert str(fake.folder.parent) not in fake.rows()["a", ""]["verdict"]


def test_a_fault_of_the_program_is_not_hidden(fake):
    fake.config("other", {})
    fake.answers["other"] = KeyError("a bug")
    fake.table("t", TABLE | {"rows": [{"name": "a"}, {"name": "b", "config": "other"}], "columns": []})
    with pytest.raises(KeyError):
        fake.make()
    assert [row["verdict"] for row in fake.rows().values()] == ["—", "not run yet"]  # what was made so far stays


def test_ctrl_c_leaves_whole_files_and_the_next_call_goes_on(fake, capsys):
    main = fake.main

    def interrupted(words):
        if len(fake.calls) == 2:
            raise KeyboardInterrupt
        return main(words)

    fake.task = Task(interrupted, defaults, fake.folder, write_by_kind)
    with pytest.raises(KeyboardInterrupt):
        fake.make()
    assert "3/4 searched × own pose … stopped" in capsys.readouterr().err
    assert [row["verdict"] for row in fake.rows().values()][2:] == ["not run yet", "not run yet"]
    assert not list(fake.output.rglob(".*"))
    for path in fake.output.rglob("*.json"):
        json.loads(path.read_text())
    fake.task = Task(main, defaults, fake.folder, write_by_kind)
    fake.make()
    assert len(fake.calls) == 4
    assert all(row["ours"] for row in fake.rows().values())


def test_one_run_fills_a_row_per_category(fake):
    fake.answers["demo"] = {"category_miou": {"chair": 50.0, "bag": 60.25, "cap": None}}
    rows = [{"name": name, "metric": f"category_miou/{name}", "published": 50.5} for name in ("chair", "bag", "cap")]
    fake.table("t", TABLE | {"rows": rows, "columns": []})
    fake.make()
    assert len(fake.calls) == 1
    verdicts = [row["verdict"] for row in fake.rows().values()]
    assert verdicts == ["agrees", "differs by +9.75", "no figure: The run has no category_miou/cap."]


@pytest.mark.parametrize(
    ("published", "ours", "difference", "verdict"),
    [
        (60.0, 60.5, 0.5, "agrees"),
        (64.26, 63.76, -0.5, "agrees"),  # 0.49999… in binary, and 0.50000…1 the other way round
        (63.76, 64.26, 0.5, "agrees"),
        (60.0, 60.51, 0.51, "differs by +0.51"),
        (60.0, 58.0, -2.0, "differs by -2.00"),
        (None, 58.0, None, "—"),
        (60.0, None, None, "no figure: The run has no accuracy."),
    ],
)
def test_difference_and_verdict(published, ours, difference, verdict):
    result = judge(Cell("a", "", Job(Path("c.yaml")), "accuracy", published), Outcome({"accuracy": ours}))
    assert result.difference == (difference if difference is None else pytest.approx(difference))
    assert result.verdict(0.5) == verdict


@pytest.mark.parametrize(("value", "said"), [(None, "—"), (-0.001, "+0.00"), (0.0, "+0.00"), (-1.5, "-1.50")])
def test_signed(value, said):
    assert signed(value) == said


def test_figures_by_name():
    metrics = {"accuracy": 3, "category_miou": {"chair": 4.5}, "notes": ["x"]}
    assert figure(metrics, "accuracy") == 3.0
    assert figure(metrics, "category_miou/chair") == 4.5
    assert all(figure(metrics, name) is None for name in ("notes", "category_miou", "category_miou/bag", "accuracy/x"))


def test_marks_go_on_after_z():
    results = [judge(Cell("a", "", Job(Path("c")), "m"), Outcome({"m": 1, "notes": [str(k)]})) for k in range(28)]
    assert list(footnotes(results).values())[25:] == ["z", "aa", "ab"]


def test_a_grid_shows_rows_by_columns(fake, capsys):
    fake.table("t", TABLE | {"grid": True})
    fake.make()
    lines = capsys.readouterr().out.splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("ours: sentences"))
    assert lines[at].split()[-3:] == ["own", "pose", "turned"]
    assert lines[at + 2].split() == ["template", "61.00", "62.00"]


def test_settings_after_the_command_win_over_the_tables_but_not_over_its_rows(fake):
    fake.table("t", TABLE | {"settings": {"VIEW_WEIGHTS": "uniform", "SEED": 1}})
    fake.make("SEED", 2, "DATASET.TURN", "up", "PROMPTS.FILE", "x.json")
    pairs = [pairs for _, _, pairs in fake.calls]
    assert {own["SEED"] for own in pairs} == {"2"}
    assert [own["DATASET.TURN"] for own in pairs] == ["up", "free", "up", "free"]
    assert [own["PROMPTS.FILE"] for own in pairs] == ["", "", "x.json", "x.json"]
    assert "SEED 2" in (fake.output / "t_demo.md").read_text()


def test_another_config_brings_its_own_rows_and_figures(fake):
    fake.config("big", {"ENCODER": {"NAME": "RN50"}})
    rows = [
        {"name": "a", "for": {"big": {"published": 61.2, "settings": {"SEED": 5}}}},
        {"name": "b", "only": ["big"], "settings": {"SEED": 9}},
    ]
    fake.table("t", TABLE | {"rows": rows, "columns": [], "for": {"big": {"about": "Of the big set."}}})
    fake.make()
    assert list(fake.rows()) == [("a", "")]
    fake.make("--config", "big")
    assert [row["verdict"] for row in fake.rows("t_big").values()] == ["differs by +0.80", "—"]
    assert fake.calls[1][2]["SEED"] == "5"
    assert "Of the big set." in (fake.output / "t_big.md").read_text()


def test_root_device_and_weights_come_from_flags_or_environment(fake, tmp_path, monkeypatch):
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "RN50.pt").touch()
    fake.config("rn50", {"ENCODER": {"NAME": "RN50"}})
    fake.config("vit", {"ENCODER": {"NAME": "ViT-B-16"}})
    rows = [{"name": name, "config": name} for name in ("rn50", "vit", "demo")]
    fake.table("t", {"title": "T", "metric": "accuracy", "rows": rows})
    fake.make("--root", "data", "--device", "cpu", "--checkpoint", weights)
    assert [config for config, *_ in fake.calls] == ["rn50", "demo"]
    assert fake.calls[0][2]["ENCODER.PRETRAINED"] == str(weights / "RN50.pt")
    assert "ENCODER.PRETRAINED" not in fake.calls[1][2]
    assert (fake.calls[1][2]["DATASET.ROOT"], fake.calls[1][2]["DEVICE"]) == ("data", "cpu")
    assert "There is no ViT-B-16.pt" in fake.rows("t")["vit", ""]["verdict"]
    assert str(tmp_path) not in (fake.output / "t.md").read_text().replace(str(weights), "")
    monkeypatch.setenv("ROOT", "elsewhere")
    monkeypatch.setenv("CHECKPOINT", str(weights / "RN50.pt"))
    fake.make()
    assert {pairs["DATASET.ROOT"] for _, _, pairs in fake.calls[2:]} == {"elsewhere"}
    assert fake.calls[3][2]["ENCODER.PRETRAINED"] == str(weights / "RN50.pt")


def test_settings_win_over_flags_and_variables(fake, tmp_path, monkeypatch):
    (tmp_path / "RN50.pt").touch()
    fake.config("rn50", {"ENCODER": {"NAME": "RN50", "PRETRAINED": "openai"}})
    fake.table("t", {"title": "T", "metric": "accuracy", "rows": [{"name": "a", "config": "rn50"}]})
    monkeypatch.setenv("ROOT", "by variable")
    monkeypatch.setenv("CHECKPOINT", str(tmp_path))
    fake.make("--root", "by flag")
    assert fake.calls[0][2]["DATASET.ROOT"] == "by flag"
    assert fake.calls[0][2]["ENCODER.PRETRAINED"] == str(tmp_path / "RN50.pt")
    own = {"DATASET.ROOT": "own", "DEVICE": "cpu", "ENCODER.PRETRAINED": "cc12m"}
    words = [word for pair in own.items() for word in pair]
    fake.make("--root", "by flag", "--device", "cuda", "--checkpoint", tmp_path / "RN50.pt", *words)
    assert {key: fake.calls[1][2][key] for key in own} == own
    assert "cuda" not in (fake.output / "t.md").read_text()
    monkeypatch.delenv("CHECKPOINT")
    fake.make(*words)
    assert len(fake.calls) == 2  # the same run


def test_notes_may_be_of_one_column(fake):
    row = {"name": "a", "published": {"own pose": 60, "turned": 61}, "note": {"turned": "Turned how, is not told."}}
    fake.table("t", TABLE | {"rows": [row], "published_note": "All of old."})
    fake.make()
    notes = [row["notes"] for row in fake.rows().values()]
    assert notes == ["All of old.", "Turned how, is not told. All of old."]


@pytest.mark.parametrize("name", ["ViT-L-14-336px.pt", "ViT-L-14-336.pt", "ViT-L-14-336.safetensors"])
def test_weights_by_openais_names(tmp_path, name):
    (tmp_path / name).touch()
    assert weights_file(str(tmp_path), "ViT-L-14-336") == str(tmp_path / name)
    assert weights_file("any.pt", "RN50") == "any.pt"


def test_one_kind_of_sentences(fake, tmp_path):
    source = tmp_path / "own.json"
    source.write_text(json.dumps({"chair": list("abcdefgh"), "sofa": list("ijkl")}))
    fake.config("demo", {"PROMPTS": {"FILE": str(source)}})
    fake.table("t", TABLE | {"rows": [{"name": kind, "kind": kind} for kind in KINDS], "columns": []})
    fake.make()
    files = [Path(pairs["PROMPTS.FILE"]) for _, _, pairs in fake.calls]
    assert [path.name for path in files] == [f"own_{kind}.json" for kind in KINDS]
    assert json.loads(files[1].read_text()) == {"chair": ["c", "d"], "sofa": ["j"]}


def test_sentences_by_kind_for_parts(tmp_path):
    source = tmp_path / "parts.json"
    source.write_text(json.dumps({"chair": {"leg": list("abcd"), "seat": list("efgh")}}))
    files = write_by_kind(source, tmp_path / "kinds")
    assert json.loads(files["words"].read_text()) == {"chair": {"leg": ["d"], "seat": ["h"]}}


def test_build_splits_by_kind(tmp_path, capsys):
    assert build(["synthetic", "--by-kind", str(tmp_path)]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.split()] == [f"synthetic_{kind}.json" for kind in KINDS]
    whole = json.loads((ROOT / "prompts" / "synthetic.json").read_text(encoding="utf-8"))
    parts = [json.loads((tmp_path / f"synthetic_{kind}.json").read_text(encoding="utf-8")) for kind in KINDS]
    assert {name: [text for part in parts for text in part[name]] for name in whole} == whole


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "No table came; t "),
        (["u"], "There is no table 'u'; t "),
        (["t", "DATASET.MAXSHAPES", "3"], "nearest known one is DATASET.MAX_SHAPES"),
        (["t", "SEED"], "stands alone"),
        (["t", "OUTPUT", "elsewhere"], "give the folder as --output"),
        (["missing.yaml"], "Cannot read the table"),
        (["t", "--config", "nosuch"], "Cannot read the config"),
        (["t", "--checkpoint", "nowhere/RN50.pt"], "--checkpoint is nowhere/RN50.pt, which is not there"),
    ],
)
def test_bad_words_are_told_before_the_work(fake, words, said):
    with pytest.raises(InputError, match=said):
        make_tables(fake.task, [*words, "--output", str(fake.output)])
    assert not fake.calls


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": []}, "has no rows"),
        ({"rows": [{"name": "a"}, {"name": "a"}]}, "same name"),
        ({"rows": [{"config": "demo"}]}, "was expected"),
        ({"rows": [{"name": "a", "tuning": 3}]}, "no field 'tuning'"),
        ({"colour": "red"}, "no field 'colour'"),
        ({"tolerance": {}}, "no tolerance"),
        ({"rows": [{"name": "a", "search": {"what": "weights", "in": "nowhere"}}]}, "no column"),
        ({"rows": 3}, "t.yaml: rows is 3; a list"),
        ({"title": ["A"]}, "title is"),
        ({"metric": 3}, "metric is 3"),
        ({"config": ["demo"]}, "config is"),
        ({"about": {"a": 1}}, "about is"),
        ({"about": "a\0b"}, "about is"),
        ({"grid": "yes"}, "true or false"),
        ({"heads": "ab"}, "one or two texts"),
        ({"heads": ["a"]}, "with columns, a list of two"),
        ({"settings": {"SEED": [1]}}, "settings is"),
        ({"settings": {3: 1}}, "settings is"),
        ({"settings": {"OUTPUT": "x"}}, "holds OUTPUT, .* --output"),
        ({"for": {"demo": {"settings": {"CACHE": "x"}}}}, "for demo: settings holds CACHE"),
        ({"for": {"demo": 3}}, "for is"),
        ({"for": {"demo": {"rows": []}}}, "for demo: there is no field 'rows'"),
        ({"tolerance": 0.5}, "tolerance is 0.5"),
        ({"tolerance": {"value": -1}}, "tolerance is"),
        ({"tolerance": {"value": float("inf")}}, "tolerance is"),
        ({"tolerance": {"value": 1, "why": "x"}}, "tolerance is"),
        ({"columns": [{"name": ""}]}, "column '': name is ''"),
        ({"columns": [{"name": "a", "kind": "caption"}]}, "no field 'kind'"),
        (
            {"columns": [{"name": "a", "for": {"demo": {"name": "b"}}}, {"name": "b"}], "rows": [{"name": "a"}]},
            "same name",
        ),
        ({"rows": [{"name": "a", "only": ["other"]}]}, "has no rows for the config 'demo'"),
        *(
            ({"rows": [{"name": "a", **own}]}, said)
            for own, said in [
                ({"name": 4}, "row 4: name is 4"),
                ({"with": 3}, "row 'a': with is 3"),
                ({"published": "high"}, "published is 'high'"),
                ({"published": True}, "published is True"),
                ({"published": 10**400}, "published is 1000"),
                ({"published": float("nan")}, "published is nan"),
                ({"published": {"nowhere": 3}}, "published is"),
                ({"published": {"turned": float("inf")}}, "published is"),
                ({"note": {"nowhere": "x"}}, "note is"),
                ({"note": 3}, "note is 3"),
                ({"only": "demo"}, "only is 'demo'"),
                ({"search": "weights"}, "search is 'weights'"),
                ({"search": {"split": "val"}}, "search is"),
                ({"search": {"what": "weights", "at": "x"}}, "search is"),
                ({"search": {"what": ["weights"]}}, "search is"),
                ({"kind": "shouting"}, "caption, question"),
                ({"for": {"demo": {"published": "high"}}}, "row 'a': for demo: published is"),
                ({"for": {"other": {"kind": []}}}, "row 'a': for other: kind is"),
            ]
        ),
    ],
)
def test_bad_definitions_are_told(fake, change, said):
    fake.table("t", TABLE | change)
    with pytest.raises(InputError, match=said) as told:
        fake.make()
    assert "t.yaml" in str(told.value)
    assert not fake.calls


@pytest.mark.parametrize("text", ["- 1", "3", "", "title: a\ntitle: b", "a: [", "a: 2020-99-99"])
def test_a_definition_that_is_none_is_told(fake, text):
    (fake.folder / "tables" / "t.yaml").write_text(text)
    with pytest.raises(InputError, match=r"t\.yaml"):
        fake.make()


def test_the_definitions_here_are_right():
    assert schema.KINDS == KINDS
    for path in ROOT.glob("zeroshot_*/tables/*.yaml"):
        assert read_table(path, path.parents[1] / "configs", "").cells


def test_names_are_told_apart_for_each_config(fake):
    rows = [{"name": "a", "only": ["demo"]}, {"name": "a", "only": ["big"]}]
    fake.table("t", TABLE | {"rows": rows, "columns": []})
    fake.make()
    assert list(fake.rows()) == [("a", "")]


def test_two_tables_of_the_same_files_are_refused(fake, tmp_path):
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(TABLE))
    for words in (["t", "t"], ["t", str(tmp_path / "t.yaml")]):
        with pytest.raises(InputError, match=r"same files, t_demo\.md"):
            make_tables(fake.task, [*words, "--output", str(fake.output)])
    assert not fake.calls


def test_home_folders_known_and_unknown(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    args, *_ = parse(fake.task, ["t", "--output", "~/out", "--cache", "~/cache"])
    assert (args.output, args.cache) == (tmp_path / "out", str(tmp_path / "cache"))
    for flag in ("--checkpoint", "--config"):
        with pytest.raises(InputError, match="~nobodyhere"):
            fake.make(flag, "~nobodyhere/a.yaml")
    make_tables(fake.task, ["t", "--output", "~nobodyhere/out", "PROMPTS.FILE", "~nobodyhere/p.json"])
    assert (tmp_path / "~nobodyhere" / "out" / "t_demo.csv").is_file()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metrics.json", "[]"),
        ("metrics.json", '{"notes": "a"}'),
        ("metrics.json", "[" * 100000),
        ("searched.yaml", None),
    ],
)
def test_a_kept_run_that_is_not_whole_is_made_anew(fake, name, text):
    fake.table("t", TABLE | {"rows": TABLE["rows"][1:], "columns": TABLE["columns"][:1]})
    fake.make()
    path = next(fake.output.glob(f"runs/*/demo/{name}"))
    path.unlink() if text is None else path.write_text(text)
    fake.make()
    assert len(fake.calls) == 2
    assert fake.rows()["searched", "own pose"]["ours"] == "62.00"


@pytest.mark.parametrize("error", [InputError("Gone."), KeyboardInterrupt(), KeyError("a bug")])
@pytest.mark.parametrize("late", [False, True])
def test_an_older_run_stays_good_until_the_new_one_has_figures(fake, error, late):
    fake.table("t", TABLE | {"rows": [{"name": "a"}], "columns": []})
    fake.make()
    main = fake.main

    def fails(words):
        assert not list(fake.output.rglob("cell.json"))
        if late:
            main(words)
        raise error

    fake.task = Task(fails, defaults, fake.folder, write_by_kind)
    with contextlib.suppress(KeyboardInterrupt, KeyError):
        fake.make("--again")
    fake.task = Task(main, defaults, fake.folder, write_by_kind)
    calls = len(fake.calls)
    fake.make()
    assert len(fake.calls) == calls + late
    assert not list(fake.output.rglob("cell.old"))


def test_config_is_only_for_tables_that_take_one(fake):
    fake.table("t", {"title": "T", "metric": "accuracy", "rows": [{"name": "a", "config": "demo"}]})
    with pytest.raises(InputError, match="data sets of its own"):
        fake.make("--config", "demo")
    fake.table("t", {"title": "T", "metric": "accuracy", "rows": [{"name": "a"}]})
    with pytest.raises(InputError, match="names no config"):
        fake.make()


def test_a_definition_can_be_any_file(fake, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(TABLE))
    assert parse(fake.task, [str(own), "t", "SEED", "1"])[1:] == ([str(own), "t"], ["SEED", "1"])
    make_tables(fake.task, [str(own), "--output", str(fake.output)])
    assert (fake.output / "own_demo.csv").is_file()


def test_long_reasons_stand_once_in_full_and_are_cut_in_progress(fake, capsys):
    reason = "It is not there, " + "and far away " * 20 + "fetch it."
    fake.config("far", {})
    fake.answers["far"] = InputError(reason)
    rows = [{"name": "a", "published": 60}, *({"name": name, "config": "far"} for name in "bc")]
    fake.table("t", TABLE | {"rows": rows, "columns": []})
    fake.make()
    printed, markdown = capsys.readouterr(), (fake.output / "t_demo.md").read_text()
    for text in (printed.out, markdown):
        assert text.count(reason) == text.count(f"[a] {reason}") == 1
        assert text.count("not run [a]") == 2
    assert "and far away" in printed.err
    assert "fetch it." not in printed.err
    assert [row["verdict"] for row in fake.rows().values()][1:] == [f"not run: {reason}"] * 2


@pytest.mark.parametrize("strict", [[], ["--strict"]])
def test_a_call_without_any_figure_fails(fake, capsys, strict):
    fake.answers["demo"] = InputError("It is not there.")
    fake.table("t", TABLE | {"rows": [{"name": "a"}, {"name": "b"}], "columns": []})
    assert fake.make(*strict) == 1
    printed = capsys.readouterr()
    assert "No cell has a figure" in printed.err
    assert printed.out.count("Not run: It is not there.") == 1  # of all cells: without a letter
    assert "[a]" not in printed.out


def test_what_holds_for_every_cell_has_no_letter():
    def result(row, *notes):
        return judge(Cell(row, "", Job(Path("c")), "m"), Outcome({"m": 1, "notes": notes}))

    assert footnotes([result("a", "own", "all"), result("b", "all", "two")]) == {"all": "", "own": "a", "two": "b"}


@pytest.mark.parametrize("grid", [False, True])
def test_ours_stand_alone_where_nothing_else_is_known(fake, capsys, grid):
    rows = [{"name": "a"}, {"name": "b", "settings": {"SEED": 2}}]
    fake.table("t", TABLE | {"rows": rows, "grid": grid})
    fake.make()
    markdown = (fake.output / "t_demo.md").read_text()
    for text in (capsys.readouterr().out, markdown):
        assert not [word for word in ("published", "difference", "verdict", "agrees") if word in text]
        assert text.count("61.00") == 1
    assert ("| a | 61.00 | 62.00 |" if grid else "| a | own pose | 61.00 |") in markdown
    assert "The CSV names each figure's run folder." in markdown
    row = fake.rows()["a", "own pose"]
    assert (row["published"], row["difference"], row["verdict"]) == ("", "", "—")
    assert (fake.output / row["run"] / "metrics.json").is_file()


@pytest.mark.parametrize(("noise", "left"), [("", []), ("Reading.", ["log.txt"])])
def test_a_run_that_could_not_be_leaves_only_a_log_that_tells_something(fake, noise, left):
    def fails(words):
        (Path(words[words.index("OUTPUT") + 1]) / "demo").mkdir()
        print(noise, end="")
        raise InputError("No such data.")

    fake.task = Task(fails, defaults, fake.folder, write_by_kind)
    fake.make()
    runs = fake.output / "runs"
    assert sorted({path.name for path in runs.glob("*/*")}) == left
    assert runs.exists() == bool(left)
    assert all("InputError: No such data." in path.read_text() for path in runs.glob("*/log.txt"))


def test_each_task_has_tables_of_its_own(fake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_tables(fake.task, ["t"])
    assert (tmp_path / "output" / "tables" / "task" / "t_demo.md").is_file()


@pytest.mark.parametrize(
    ("words", "said", "unsaid"),
    [(["t"], "task/reproduce.py t ", "TABLE…"), ([], "[TABLE… KEY VALUE…", "reproduce.py t ")],
)
def test_usage_asks_for_no_table_behind_one(fake, capsys, words, said, unsaid):
    with pytest.raises(SystemExit):
        parse(fake.task, [*words, "--help"])
    usage = " ".join(capsys.readouterr().out.split())
    assert said in usage
    assert unsaid not in usage
