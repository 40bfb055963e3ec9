"""Make the prompt files from the facts: `python prompts/build.py [NAME ...]`.

The same as `pointclip prompts build`; see pointclip/writing/build.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

from pointclip.runs.start import run_script

if __name__ == "__main__":
    run_script("pointclip.writing.build:main")
