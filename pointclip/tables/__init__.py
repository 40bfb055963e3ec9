"""Tables out of many runs of a task: what was published beside what this code gives.

A definition (YAML) names rows and columns; every cell is one figure of one run. `definition` reads it, `runs` makes the
runs and keeps them, `verdicts` judges them, `show` writes the table, and `command` is the command line of it all.
"""

from pointclip.tables.command import make_tables
from pointclip.tables.runs import Task

__all__ = ["Task", "make_tables"]
