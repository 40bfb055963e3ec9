"""Few-shot classification as a task for tables: `scripts/table.sh NAME`."""

from pathlib import Path

from fewshot_cls.main import main
from fewshot_cls.settings import load
from pointclip.tables import Task
from pointclip.writing.build import write_by_kind

TASK = Task(main, load, Path(__file__).resolve().parent, write_by_kind)
