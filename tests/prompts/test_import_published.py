"""Import of the published files, with synthetic ones in the same format and invalid ones."""

import http.server
import json
import threading
import zipfile
from functools import partial
from pathlib import Path

import pytest
import yaml

from pointclip.datasets.scanobjectnn import CLASSES
from pointclip.datasets.shapenetpart_labels import PART_NAMES
from pointclip.errors import InputError
from pointclip.prompts import read_prompts
from pointclip.writing import import_published as ip
from pointclip.writing import published_files as pf
from pointclip.writing.literals import literals
from tests.endings import exit_code
from tests.tasks import TASKS

ROOT = Path(__file__).parents[2]
MODELNET40 = pf.class_names("modelnet40")
ENCODERS = ("rn50", "rn101", "vit_b32", "vit_b16")
WEIGHTS = [0.75, 0.75, 0.75, 0.25, 0.5, 1.0, 1, 0.25, 0.25, 0.25]
PLACE = Path("somewhere/best_param.py")


def classification_parameters() -> str:
    lines = ["# found by search", '"""A text that stands alone."""', "best_prompt_weight = {}"]
    for data, classes in (("modelnet40", MODELNET40), ("scanobjectnn", CLASSES)):
        for encoder in ENCODERS:
            sentences = [f" {encoder}'s {name}." for name in classes]
            lines.append(f"best_prompt_weight['{data}_{encoder}_test_prompts'] = {sentences!r}")
            lines.append(f"best_prompt_weight['{data}_{encoder}_test_weights'] = {WEIGHTS!r}")
    return "\n".join(lines)


def segmentation_parameters() -> str:
    sentences = {name: [f"{part} of {name}" for part in parts] for name, parts in PART_NAMES.items()}
    sentences["lamp"] = sentences["lamp"][:2]
    sentences["table"][2] = sentences["table"][1]
    return f"\nbest_prompt = {sentences!r}\n\nbest_vweight = {dict.fromkeys(PART_NAMES, WEIGHTS)!r}\n"


def published(folder: Path) -> Path:
    """A folder with all relevant files of the published repository, and some others."""
    parts = {name: {f"their {part}": [part, part, f"a {part}"] for part in parts} for name, parts in PART_NAMES.items()}
    parts["lamp"] = dict(list(parts["lamp"].items())[:2])
    files = {
        "zeroshot_cls/prompts/modelnet40_1000.json": json.dumps({name: [name, "", "b"] for name in MODELNET40}),
        "zeroshot_cls/prompts/scanobjectnn_1000.json": json.dumps({name: ["x", "y", "x"] for name in CLASSES}),
        "zeroshot_seg/prompts/shapenetpart_700.json": json.dumps(parts),
        "zeroshot_cls/trainers/best_param.py": classification_parameters(),
        "zeroshot_seg/best_param.py": segmentation_parameters(),
        "zeroshot_cls/main.py": "raise SystemExit",
        "other.json": "[]",
    }
    for name, text in files.items():
        path = folder / "PointCLIP_V2-main" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in folder.rglob("*"):
            file.write(path, path.relative_to(folder))
    return archive


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return published(tmp_path_factory.mktemp("published"))


def test_checkout_is_imported_to_usable_files(source, tmp_path, capsys):
    assert exit_code(ip.main, [str(source), "--out", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "missing" not in output
    assert "modelnet40_1000.json: 40 duplicate or empty sentences dropped" in output
    assert "lamp has sentences for the first 2 of 4 parts" in output
    assert "their back -> back" in output
    for path in tmp_path.glob("*.json"):
        read_prompts(path)
    assert read_prompts(tmp_path / "scanobjectnn_rn50.json")["toilet"] == [" rn50's toilet."]
    assert list(read_prompts(tmp_path / "modelnet40_vit_b16.json")) == MODELNET40
    parts = read_prompts(tmp_path / "shapenetpart_vit_b16.json")
    assert parts["lamp"] == {"base": ["base of lamp"], "lampshade": ["lampshade of lamp"]}
    assert parts["table"]["leg"] == parts["table"]["drawer"]
    candidates = read_prompts(tmp_path / "shapenetpart_700.json")
    assert candidates["chair"]["back"] == ["back", "a back"]
    for task, number in (("classification", 8), ("segmentation", 16)):
        weights = yaml.safe_load((tmp_path / f"{task}_view_weights.yaml").read_text())
        assert "labels of the test split" in weights["origin"]
        assert list(weights["weights"].values()) == [WEIGHTS] * number


def test_searched_sentences_are_marked_as_tuned(source, tmp_path):
    assert exit_code(ip.main, [str(source), "--out", str(tmp_path)]) == 0
    origins = {path.name: yaml.safe_load(path.read_text()) for path in tmp_path.glob("*.origin.yaml")}
    assert set(origins) == {f"{name}.origin.yaml" for name in ip.SEARCHED}
    assert all(origin["tuned_on_test_labels"] and "test split" in origin["origin"] for origin in origins.values())


def test_archive_and_url_give_the_same_files(source, tmp_path, capsys):
    archive = zipped(source, tmp_path / "main.zip")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sources = [source, archive, f"http://127.0.0.1:{server.server_port}/main.zip"]
        for number, place in enumerate(sources):
            assert exit_code(ip.main, [str(place), "--out", str(tmp_path / f"{number}")]) == 0
        server.shutdown()
    first = {path.name: path.read_bytes() for path in (tmp_path / "0").iterdir()}
    assert len(first) == 3 + 9 + 9 + 2  # candidates, chosen sentences with origin files, view weights
    for number in (1, 2):
        assert {path.name: path.read_bytes() for path in (tmp_path / f"{number}").iterdir()} == first


def test_weights_are_compared_with_the_bundled_ones(tmp_path, capsys):
    for task, name in ip.TASKS.items():
        weights = yaml.safe_load((ROOT / name / "view_weights.yaml").read_text())["weights"]
        material = pf.Material(weights={task: weights})
        assert "the same as in" in ip.write(material, tmp_path)[0]
        first = next(iter(weights))
        material.weights[task] = {**weights, first: [0.5] * 10}
        assert f"{first} differ from {name}/view_weights.yaml" in ip.write(material, tmp_path)[0]


def test_missing_files_are_listed(tmp_path, capsys):
    folder = tmp_path / "part"
    folder.mkdir()
    (folder / "best_param.py").write_text(segmentation_parameters())
    assert exit_code(ip.main, [str(folder), "--out", str(tmp_path / "out")]) == 0
    output = capsys.readouterr().out
    assert "missing: shapenetpart_700.json" in output
    assert "missing: the searched sentences of modelnet40_rn101" in output
    assert "missing: the view weights of scanobjectnn_vit_b32" in output
    assert "of shapenetpart_vit_b16" not in output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import os\nos.mkdir('MARK')", "line 1: this is not an assignment"),
        ("best_prompt = {}\nopen('MARK', 'w')", "line 2: this is not an assignment"),
        ("best_prompt = {\n 'bag': [open('MARK', 'w')]}", "line 2: this is not a string"),
        ("best_prompt = {'bag': [\n'a',\n__import__('os').mkdir('MARK')]}", "line 3: this is not a string"),
        ("best_prompt = {open('MARK', 'w'): ['a', 'b']}", "line 1: a key is not a string"),
        ("best_prompt = {**open('MARK', 'w')}", "line 1: a key is not a string"),
        ("best_prompt[open('MARK', 'w')] = ['a']", "line 1: a key is not a string"),
        ("best_prompt = open('MARK', 'w')", "sets something other"),
        ("best_prompt['bag'] = [f'{open(\"MARK\", \"w\")}']", "this is not a string"),
        ("best_prompt['bag'] = [x for x in open('MARK', 'w')]", "this is not a string"),
        ("best_prompt['bag'] = -'a'", "this is not a literal"),
        ("best_prompt['bag'] = best_prompt['cap'] = ['a', 'b']", "this is not an assignment"),
        ("best_prompt['bag'] += ['a']", "this is not an assignment"),
        ("x = 3", "sets something other"),
        ("def f():\n    open('MARK', 'w')", "this is not an assignment"),
        ("best_prompt = {'bag': ['a', 'b'], 'bag': ['a', 'b']}", "'bag' is set twice"),
        ("best_prompt = {\n", "this is not Python"),
        ("\0", "line 1: "),
        ("best_prompt['bag'] = " + "[" * 5000, "line 1: "),
        ("best_prompt['bag'] = " + "-" * 50000 + "1", "line 1: "),
        ("best_prompt['bag'] = ['a']", None),
        ("best_prompt['bag'] = ['a', 'b', 'c']", "expected 2 sentences for bag"),
        ("best_prompt['bag'] = 'ab'", "expected 2 sentences for bag"),
        ("best_prompt['bag'] = ['a', ' ']", "expected 2 sentences for bag"),
        ("best_prompt['sofa'] = ['a']", "'sofa' is not a category"),
        ("best_vweight = {'bag': [1, 2]}", "expected 10 numbers"),
        ("best_vweight = {'bag': [1, 2, 3, 4, 5, 6, 7, 8, 9, 1e999]}", "expected 10 numbers"),
        ("best_vweight = {'bag': [1, 2, 3, 4, 5, 6, 7, 8, 9, True]}", "this is not a string, a number"),
        ("best_prompt_weight['scanobjectnn_rn50_test_prompts'] = ['a']", "expected 15 sentences"),
        ("best_prompt_weight['modelnet40_rn50_test_weights'] = ['a'] ", "expected 10 numbers"),
    ],
)
def test_parameter_files_are_not_executed_and_errors_name_the_line(text, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best_param.py").write_text(text)
    assert exit_code(ip.main, [str(tmp_path), "--out", str(tmp_path / "out")]) == (2 if words else 0)
    assert not (tmp_path / "MARK").exists()
    if words:
        output = capsys.readouterr().err
        assert words in output
        assert "best_param.py, line " in output
        assert output.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_later_values_override_and_unknown_entries_are_noted():
    found = literals(b"best_prompt = {'bag': ['a']}\nbest_prompt['bag'] = ['b']\nbest_prompt['cap'] = -1", PLACE)
    assert found == {("best_prompt", "bag"): (["b"], 2), ("best_prompt", "cap"): (-1, 3)}
    assert literals(b"best_prompt['bag'] = ['a']\nbest_prompt = {}", PLACE) == {}
    material = pf.Material()
    pf.read_parameters(b"best_prompt_weight['modelnet10_rn50_test_prompts'] = ['a']", PLACE, material)
    assert "modelnet10_rn50_test_prompts left out" in material.notes[0]


def test_contradictory_files_are_rejected(source, tmp_path):
    for number, text in enumerate(("best_prompt = {'bag': ['a', 'b']}", "best_prompt = {'bag': ['a', 'c']}")):
        path = tmp_path / f"{number}" / "best_param.py"
        path.parent.mkdir()
        path.write_text(text)
    with pytest.raises(InputError, match="line 1: bag differs from another file's"):
        ip.collect(str(tmp_path))
    (tmp_path / "1/best_param.py").unlink()
    for number, text in enumerate(('{"bag": ["a"]}', '{"bag": ["b"]}')):
        (tmp_path / f"{number}").mkdir(exist_ok=True)
        (tmp_path / f"{number}/scanobjectnn_1000.json").write_text(text)
    with pytest.raises(InputError, match=r"scanobjectnn_1000\.json differ"):
        ip.collect(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("scanobjectnn_1000.json", "{", "is not valid JSON"),
        ("scanobjectnn_1000.json", "[" * 100_000, "is not valid JSON"),
        ("scanobjectnn_1000.json", "[]", "does not contain {class"),
        ("scanobjectnn_1000.json", '{"bag": "a"}', "no list of sentences for 'bag'"),
        ("scanobjectnn_1000.json", '{"bag": ["a", 1]}', "no list of sentences for 'bag'"),
        ("scanobjectnn_1000.json", '{"bag": [" "]}', "no sentence for 'bag'"),
        ("shapenetpart_700.json", '{"bag": ["a"]}', "for 'bag'"),
        ("shapenetpart_700.json", '{"sofa": {"a": ["a"]}}', "not in ShapeNetPart"),
        ("shapenetpart_700.json", '{"bag": {"a": ["a"], "b": ["a"], "c": ["a"]}}', "3 parts of 'bag'; expected 2"),
        ("notes.txt", "nothing", "contains none of"),
    ],
)
def test_invalid_candidate_files(name, text, words, tmp_path, capsys):
    (tmp_path / name).write_text(text)
    assert exit_code(ip.main, [str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    output = capsys.readouterr().err
    assert words in output
    assert output.count("\n") == 1


def test_missing_classes_are_noted(tmp_path):
    (tmp_path / "modelnet40_1000.json").write_text(json.dumps({"Night stand": ["a"]}))
    notes = ip.collect(str(tmp_path)).notes
    assert "airplane" in notes[0]
    assert "night_stand" not in notes[0]


def test_invalid_sources(tmp_path, capsys):
    (tmp_path / "a.zip").write_bytes(b"PK not a zip")
    (tmp_path / "big").mkdir()
    with open(tmp_path / "big/best_param.py", "wb") as file:
        file.truncate(pf.MAX_BYTES + 1)
    for source, words in (("a.zip", "not a complete .zip"), ("none", "There is no"), ("big", "at most")):
        assert exit_code(ip.main, [str(tmp_path / source)]) == 2
        assert words in capsys.readouterr().err
    assert exit_code(ip.main, []) == 2
    assert "PATH_OR_URL" in capsys.readouterr().err


@pytest.mark.parametrize("name", ip.SEARCHED)
def test_every_published_file_has_a_config_that_uses_it(name):
    task = "zeroshot_seg" if name.startswith("shapenetpart") else "zeroshot_cls"
    config = name.replace("scanobjectnn", "scanobjectnn_pb_t50_rs") + "_published"
    settings = TASKS[task].load(config)[1]
    assert Path(settings.PROMPTS.FILE) == ROOT / "prompts" / "published" / f"{name}.json"
    assert settings.ENCODER.NAME.lower().replace("-", "_").replace("b_", "b") == name.split("_", 1)[1]
    weights = yaml.safe_load((ROOT / task / "view_weights.yaml").read_text())["weights"]
    if task == "zeroshot_seg":
        assert settings.LOOKUP == settings.PROTOCOL == settings.VIEW_WEIGHTS == "published"
    else:
        assert name == settings.VIEW_WEIGHTS
        assert name in weights


def test_missing_import_is_reported_with_a_fix(tmp_path):
    with pytest.raises(InputError, match=r"run `python prompts/import_published.py PATH_OR_URL`"):
        read_prompts(tmp_path / "published" / "modelnet40_rn50.json")
