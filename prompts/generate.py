"""Let a language model write a prompt file: `python prompts/generate.py --classes A,B --model NAME --out FILE`.

The same as `pointclip prompts generate`; see pointclip/writing/generate.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

from pointclip.runs.start import run_script

if __name__ == "__main__":
    run_script(
        "pointclip.writing.generate:main",
        after_stop="the answers so far are saved; run the same command again to continue",
    )
