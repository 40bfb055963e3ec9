"""Sentences split by kind of command, and runs that use one kind."""

import json
from pathlib import Path

from pointclip.writing.build import KINDS, write_by_kind
from pointclip.writing.build import main as build
from tests.tables.fake_task import TABLE

ROOT = Path(__file__).resolve().parents[2]


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
    build(["synthetic", "--by-kind", str(tmp_path)])
    assert [Path(line).name for line in capsys.readouterr().out.split()] == [f"synthetic_{kind}.json" for kind in KINDS]
    whole = json.loads((ROOT / "zeroshot_cls" / "prompts" / "synthetic.json").read_text(encoding="utf-8"))
    parts = [json.loads((tmp_path / f"synthetic_{kind}.json").read_text(encoding="utf-8")) for kind in KINDS]
    assert {name: [text for part in parts for text in part[name]] for name in whole} == whole
