"""`pointclip doctor`: what works here, and for each lack the command that mends it."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from pointclip.bundled import CHECKOUT, DATA, PUBLISHED_PROMPTS, bundled
from pointclip.utils.caches import user_cache
from pointclip.utils.command import ArgumentParser
from pointclip.utils.reach import unreachable
from pointclip.version import __version__
from pointclip_cli.cache import check_free, hub_cache
from pointclip_cli.cache import kept as kept_between_runs
from pointclip_cli.tasks import installed_tasks

HUB = "https://huggingface.co"
HUB_SECONDS = 3.0
LEAST_GB = 2.0  # free disk below which ViT-B/16's weights (0.6 GB) and a run's files get tight
EXTRAS = {  # module: what needs it, and how to get it
    "transformers": ("SigLIP's tokenizer", "pip install transformers"),
    "openai": ("prompts generate with a server", "pip install openai"),
    "argcomplete": ("completion in the shell", "pip install argcomplete"),
}
MARKS = {"ok": "ok  ", "note": "note", "fault": "FAIL"}


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: what was looked at.
        said: what was found.
        mend: the command that mends it, or "".
        fault: whether runs fail by it; otherwise what lacks is optional.
    """

    subject: str
    said: str
    mend: str = ""
    fault: bool = False

    @property
    def mark(self) -> str:
        return MARKS["fault" if self.fault else "note" if self.mend else "ok"]


def main(words: Sequence[str]) -> int:
    """Print the report; returns 1 where runs would fail, else 0."""
    parser = ArgumentParser(prog="pointclip doctor", description=__doc__)
    parser.add_argument("--root", type=Path, default=DATA, metavar="FOLDER", help="of the data sets, as DATASET.ROOT")
    parser.add_argument("--verify", action="store_true", help="check the data sets' checksums too, which takes minutes")
    parser.add_argument("--offline", action="store_true", help="do not try the hub")
    args = parser.parse_args(words)
    faults = 0
    for finding in findings(args.root, args.verify, args.offline):
        print(f"{finding.mark}  {finding.subject:<16}{finding.said}", flush=True)
        if finding.mend:
            print(f"{'':<22}→ {finding.mend}")
        faults += finding.fault
    print(f"\n{faults} fault(s): runs will fail until they are mended." if faults else "\nRuns work here.")
    return 1 if faults else 0


def findings(root: Path, verify: bool, offline: bool) -> Iterator[Finding]:
    """Everything that is looked at, in the order in which a run needs it."""
    checks: list[Callable[[], Iterator[Finding]]] = [program, torch_pair, device, engines, extras, demo]
    checks += [lambda: weights(offline), lambda: data_sets(root, verify), caches, disk]
    for check in checks:
        yield from check()


def program() -> Iterator[Finding]:
    place = f"checkout {CHECKOUT}" if CHECKOUT else f"installed in {Path(__file__).resolve().parents[1]}"
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("pointclip", f"{__version__}, {place}; Python {python}", fault=sys.version_info < (3, 10))
    yield Finding("tasks", ", ".join(installed_tasks()) or "none", fault=not installed_tasks())


def torch_pair() -> Iterator[Finding]:
    """Torch and torchvision must be of the same release: torchvision's operators are compiled against one torch."""
    advice = "pip install --upgrade torch torchvision open_clip_torch  # one call, so that pip picks the pair"
    for name in ("torch", "torchvision", "open_clip"):
        try:
            module = importlib.import_module(name)
        except Exception as error:  # whatever a broken pair raises: ImportError, OSError, RuntimeError
            said = f"cannot be imported: {' '.join(str(error).split())[:160]}"
            yield Finding(name, said, advice, fault=True)
        else:
            yield Finding(name, str(module.__version__))


def device() -> Iterator[Finding]:
    """Where CLIP would run, and in which precision."""
    if "torch" not in sys.modules:
        return
    import torch

    from pointclip.encoder.device import check_device, native_precision

    found = check_device("auto")
    name = torch.cuda.get_device_name(found) if found.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    precision = native_precision(found)
    yield Finding("device", f"{name}; precision auto is {precision}")
    bf16 = "native" if precision == "bf16" else "emulated, several times slower than fp32 or fp16"
    yield Finding("bf16", bf16)
    if found.type == "cpu" and Path("/proc/driver/nvidia/version").is_file():
        yield Finding(
            "GPU", "a driver is there, but torch does not see the GPU", "pip install torch with CUDA: pytorch.org"
        )


def engines() -> Iterator[Finding]:
    """The projection's fast engines; the reference engine is plain torch and always there."""
    for name, place in (("numba", "on CPUs"), ("triton", "on GPUs")):
        try:
            importlib.import_module(name)
            yield Finding(name, f"{version(name)} (projection {place})")
        except (ImportError, OSError, PackageNotFoundError) as error:
            lack = f"not here ({' '.join(str(error).split())[:80]}); the projection {place} falls back to torch"
            yield Finding(name, lack, f"pip install {name}" if name == "numba" else "")


def extras() -> Iterator[Finding]:
    for module, (use, mend) in EXTRAS.items():
        there = find_spec(module) is not None
        yield Finding(
            module, version(module) if there else f"not installed; needed for {use} alone", "" if there else mend
        )


def demo() -> Iterator[Finding]:
    """The bundled encoder and sentences."""
    lacking = [
        name for name in ("data/demo/demo-clip.safetensors", "prompts/modelnet40.json") if not bundled(name).is_file()
    ]
    mend = "install the package again" if lacking else ""
    yield Finding("bundled files", f"missing: {', '.join(lacking)}" if lacking else "there", mend, fault=bool(lacking))
    count = len(list(PUBLISHED_PROMPTS.glob("*.json")))
    mend = "" if count else "pointclip prompts import-published PATH_OR_URL"
    yield Finding("paper's prompts", f"{count} files" if count else "not imported (variant published)", mend)


def weights(offline: bool) -> Iterator[Finding]:
    """OpenAI's weights in the hub's cache, and whether the hub can be reached for others."""
    found = sorted(path.name for path in hub_cache().glob("models--*") if any(path.glob("snapshots/*/*")))
    names = ", ".join(name.removeprefix("models--").replace("--", "/") for name in found)
    yield Finding("weights", names or f"none in {hub_cache()}; ENCODER.NAME demo needs none")
    if offline or os.environ.get("HF_HUB_OFFLINE", "0") not in ("0", ""):
        yield Finding("hub", "not asked")
        return
    reason = unreachable(os.environ.get("HF_ENDPOINT", HUB), HUB_SECONDS)
    mend = (
        "give weights you have: --encoder NAME ENCODER.PRETRAINED /path/to/ViT-B-16.pt; or set HTTPS_PROXY, HF_ENDPOINT"
    )
    yield Finding("hub", f"cannot be reached ({reason})" if reason else "can be reached", mend if reason else "")


def data_sets(root: Path, verify: bool) -> Iterator[Finding]:
    """Which public data sets lie below the root, and with `verify` whether their files are right."""
    from pointclip.datasets.catalog import SOURCES
    from pointclip.datasets.download import find
    from pointclip.datasets.download import verify as check

    for name, source in SOURCES.items():
        folder = find(source, root)
        missing = [file for file in source.files if not (folder / file).is_file()]
        get = source.agreement or f"pointclip download {name} --root {root}"
        if len(missing) == len(source.files):
            yield Finding(source.title, f"not in {root}", get)
        elif missing:
            yield Finding(source.title, f"{folder} lacks {', '.join(missing[:3])}", get)
        elif verify:
            wrong = [line for ok, line in check(source, root) if not ok]
            yield Finding(source.title, wrong[0] if wrong else f"{folder}, all files checked", get if wrong else "")
        else:
            yield Finding(source.title, f"{folder} (--verify checks its files)")


def caches() -> Iterator[Finding]:
    for name, (place, size) in kept_between_runs().items():
        yield Finding(f"{name} kept", f"{size / 1e6:,.1f} MB in {place}")
    folder = next(place for place in (user_cache(), *user_cache().parents) if place.exists())
    if not os.access(folder, os.W_OK):
        yield Finding("cache folder", f"{folder} cannot be written", "export POINTCLIP_CACHE=/a/folder/of/yours")


def disk() -> Iterator[Finding]:
    for name, folder in (("disk, here", Path.cwd()), ("disk, weights", hub_cache())):
        free, enough = check_free(folder, LEAST_GB)
        yield Finding(name, f"{free:,.1f} GB free", "" if enough else f"make room: less than {LEAST_GB:g} GB are free")
