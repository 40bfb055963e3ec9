"""Run the Python examples in a Markdown file, with the bundled encoder instead of ViT-B/16, and save a chair's points.

python library_examples.py docs/library.md chair.npy
"""

import re
import sys
from pathlib import Path

import numpy as np

from pointclip.datasets import open_dataset

examples = re.findall(r"```python\n(.+?)```", Path(sys.argv[1]).read_text(encoding="utf-8"), re.DOTALL)
code = "\n".join(examples).replace('load_encoder("ViT-B-16")', 'load_encoder("demo")')
assert "demo" in code, "the examples do not load ViT-B-16"
exec(compile(code, sys.argv[1], "exec"), {})
print(f"{len(examples)} examples of {sys.argv[1]} ran")

shapes = open_dataset("synthetic", Path(), "test", 1024)
chair = next(i for i, label in enumerate(shapes.labels) if shapes.class_names[label] == "chair")
np.save(sys.argv[2], shapes[chair].points)
