"""Adds the checkout's folders to the package when it is built; everything else is in pyproject.toml.

prompts/ and data/demo/ are installed below pointclip/_bundled/, where pointclip/bundled.py finds them; an editable
install uses those of the checkout.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
BUNDLED = ("prompts/*.json", "prompts/*.yaml", "prompts/facts/*.json", "data/demo/demo-clip.*", "data/demo/*.yaml")


class BuildWithFolders(build_py):
    """Copies BUNDLED beside the modules."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for path in sorted(path for pattern in BUNDLED for path in ROOT.glob(pattern)):
            target = Path(self.build_lib, "pointclip", "_bundled", path.relative_to(ROOT))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


setup(cmdclass={"build_py": BuildWithFolders})
