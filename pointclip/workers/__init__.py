"""Processes that read files: one that dies, hangs or runs out of memory costs one file, and never the run.

A reader is called by `call` (at once) or `submit` (ahead of need), with the file that it reads. It has to be a function
of a module that imports no torch, so that processes start fast and stay small.
"""

from pointclip.workers.ahead import Ahead, Wanted
from pointclip.workers.allowance import Allowance
from pointclip.workers.pool import Pool, call, configure, current_pool, start, submit

__all__ = ["Ahead", "Allowance", "Pool", "Wanted", "call", "configure", "current_pool", "start", "submit"]
