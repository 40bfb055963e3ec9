"""Import the published sentences and view weights: `python prompts/import_published.py PATH_OR_URL`.

The same as `pointclip prompts import-published`; see pointclip/writing/import_published.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

from pointclip.runs.start import run_script

if __name__ == "__main__":
    run_script("pointclip.writing.import_published:main")
