"""A task that only records its calls, and a small table for it."""

import csv
from pathlib import Path

import yaml

from pointclip.config import defaults, load_config
from pointclip.config_files import find_config
from pointclip.runs.output import write_json
from pointclip.tables import Task, make_tables
from pointclip.tables.runs import FOR_OTHERS
from pointclip.writing.build import write_by_kind

TABLE = {
    "title": "A table",
    "heads": ["sentences", "pose"],
    "metric": "accuracy",
    "config": "demo",
    "tolerance": {"value": 0.5, "reason": "Because."},
    "columns": [{"name": "canonical pose"}, {"name": "turned", "settings": {"DATASET.ROTATION": "so3"}}],
    "rows": [
        {"name": "template", "settings": {"PROMPTS.FILE": ""}, "published": {"canonical pose": 60.4}},
        {"name": "searched", "search": {"what": "prompts", "split": "test", "in": "canonical pose"}},
    ],
}


def load(config, overrides=(), encoder=""):
    resolved = find_config(config, encoder)
    return resolved, load_config(defaults(), resolved, overrides)


class FakeTask:
    """A task whose main writes the same files as a real one; `answers` defines its behaviour by config name."""

    def __init__(self, folder: Path):
        self.calls, self.answers = [], {}
        self.folder = folder / "task"
        for name in ("configs", "tables"):
            (self.folder / name).mkdir(parents=True)
        self.config("demo", {})
        self.table("t", TABLE)
        self.task = Task(self.main, load, self.folder, write_by_kind)
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
            for name in FOR_OTHERS:
                (folder / name).write_text(f"call: {len(self.calls)}")
        metrics.update(answer)
        write_json(folder / "metrics.json", metrics)
        return metrics

    def make(self, *words):
        return make_tables(self.task, ["t", "--output", str(self.output), *map(str, words)])

    def rows(self, name="t_demo"):
        with open(self.output / f"{name}.csv", encoding="utf-8") as file:
            return {(row["row"], row["column"]): row for row in csv.DictReader(file)}
