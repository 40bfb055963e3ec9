"""Part segmentation as a task for tables: `scripts/table.sh NAME`."""

from pathlib import Path

from pointclip.tables import Task
from pointclip.writing.build import write_by_kind
from zeroshot_seg.main import main
from zeroshot_seg.settings import load

TASK = Task(main, load, Path(__file__).resolve().parent, write_by_kind)
