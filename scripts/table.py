"""Make a table; the same as `pointclip table`. Called by table.sh.

scripts/table.sh backbones --root /path/to/data --checkpoint /path/to/weights
scripts/table.sh zeroshot_seg/sentences_weights_pose
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

from pointclip.runs.start import run_script

if __name__ == "__main__":
    run_script("pointclip_cli.table:main")
