"""Tables of many runs of a task: published figures beside those of this code.

A definition (YAML) names rows and columns; every cell is one figure of one run. `definition` reads it, `runs` executes
and stores the runs, `verdicts` compares them with the published figures, `show` formats the table, and `command` is the
command line.
"""

from pointclip.tables.command import make_tables
from pointclip.tables.runs import Task

__all__ = ["Task", "make_tables"]
