"""The tables of classification: `python reproduce.py TABLE…`, as the scripts in scripts/ call it."""

import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":  # the imports take seconds; Ctrl-C ends them without a stack trace
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

from pointclip.runs.cli import run_command
from pointclip.tables import Task, make_tables
from prompts.build import write_by_kind
from zeroshot_cls.main import classification_defaults, main

TABLES_OF = Task(main, classification_defaults, Path(__file__).resolve().parent, write_by_kind)

if __name__ == "__main__":
    run_command(lambda: sys.exit(make_tables(TABLES_OF)))
