"""Make a table; the same as `pointclip table`. Called by table.sh.

scripts/table.sh backbones --root /path/to/data --checkpoint /path/to/weights
scripts/table.sh zeroshot_seg/sentences_weights_pose
"""

import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":  # the imports take seconds; Ctrl-C during them exits without a stack trace
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

from pointclip.runs.start import MEMORY_ADVICE
from pointclip.utils.command import run_command
from pointclip_cli.table import find, known, main

__all__ = ["find", "known", "main"]

if __name__ == "__main__":
    run_command(lambda: sys.exit(main(sys.argv[1:])), MEMORY_ADVICE)
