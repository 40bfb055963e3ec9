"""The command `pointclip`, which runs all tasks and tools. Does not import torch before a task needs it."""
