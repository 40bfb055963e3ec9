"""The command `pointclip`, which stands above the tasks. Imports no torch before a task needs it."""
