"""Make the prompt files from the facts: `python prompts/build.py [NAME ...]`.

The same as `pointclip prompts build`; see pointclip/writing/build.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

from pointclip.utils.command import run_command
from pointclip.writing.build import main

if __name__ == "__main__":
    run_command(main)
