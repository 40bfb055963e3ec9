"""`pointclip doctor`: check the installation, and suggest a fix for each problem."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from pointclip.bundled import CHECKOUT, DATA, PACKAGE, PUBLISHED_PROMPTS, prompt_files
from pointclip.utils.caches import NO_HOME, found_user_cache, user_cache
from pointclip.utils.command import ArgumentParser
from pointclip.utils.network import unreachable
from pointclip.version import __version__
from pointclip_cli.cache import cache_sizes, check_free, hub_cache
from pointclip_cli.tasks import installed_tasks

HUB = "https://huggingface.co"
HUB_SECONDS = 3.0
MIN_FREE_GB = 2.0  # for ViT-B/16's weights (0.6 GB) and a run's files
EXTRAS = {  # module: (what needs it, how to install it)
    "transformers": ("SigLIP's tokenizer", "pip install transformers"),
    "openai": ("prompts generate with a server", "pip install openai"),
    "argcomplete": ("shell completion", "pip install argcomplete"),
}
MARKS = {"ok": "ok  ", "note": "note", "fault": "FAIL"}


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: what was checked.
        result: what was found.
        fix: a command or advice, "" if there is nothing to fix.
        fault: whether it makes runs fail; other findings with a fix are optional.
    """

    subject: str
    result: str
    fix: str = ""
    fault: bool = False

    @property
    def mark(self) -> str:
        return MARKS["fault" if self.fault else "note" if self.fix else "ok"]


def main(words: Sequence[str]) -> int:
    """Print the report; returns 1 if runs would fail, else 0."""
    parser = ArgumentParser(prog="pointclip doctor", description=__doc__)
    parser.add_argument("--root", type=Path, default=DATA, metavar="FOLDER", help="the data sets' folder, DATASET.ROOT")
    parser.add_argument("--verify", action="store_true", help="also check the data sets' checksums (takes minutes)")
    parser.add_argument("--offline", action="store_true", help="do not contact the hub")
    args = parser.parse_args(words)
    faults = 0
    for finding in findings(args.root, args.verify, args.offline):
        print(f"{finding.mark}  {finding.subject:<16}{finding.result}", flush=True)
        if finding.fix:
            print(f"{'':<22}→ {finding.fix}")
        faults += finding.fault
    print(f"\n{faults} problem(s) will make runs fail until they are fixed." if faults else "\nReady to run.")
    return 1 if faults else 0


def findings(root: Path, verify: bool, offline: bool) -> Iterator[Finding]:
    """The results of all checks, in the order in which a run depends on them."""
    checks: list[Callable[[], Iterator[Finding]]] = [program, requirements, torch_pair, device, engines, extras, demo]
    checks += [lambda: weights(offline), lambda: data_sets(root, verify), caches, disk]
    for check in checks:
        yield from check()


def program() -> Iterator[Finding]:
    location = f"checkout {CHECKOUT}" if CHECKOUT else f"installed in {Path(__file__).resolve().parents[1]}"
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("pointclip", f"{__version__}, {location}; Python {python}", fault=sys.version_info < (3, 10))
    yield Finding("tasks", ", ".join(installed_tasks()) or "none", fault=not installed_tasks())


def requirements() -> Iterator[Finding]:
    """Compare the installed packages with the versions that this one needs."""
    try:
        needed = required()
    except ImportError as error:  # packaging
        yield Finding("requirements", f"not checked: {error}", "pip install packaging", fault=True)
        return
    faults = 0
    for name, specifier in needed.items():
        try:
            found = version(name)
            if specifier.contains(found, prereleases=True):
                continue
            result = f"{name} {found} is installed, but {name}{specifier} is needed"
        except PackageNotFoundError:
            result = f"{name} is not installed"
        yield Finding("requirements", result, f'pip install "{name}{specifier}"', fault=True)
        faults += 1
    if not faults:
        yield Finding("requirements", f"{len(needed)} packages in the versions needed")


def required() -> dict:
    """The packages that this one needs, and those of their extras: name -> specifier set such as >=1.13."""
    from packaging.requirements import Requirement

    if CHECKOUT:
        lines = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        listed = [Requirement(line) for text in lines if (line := text.partition("#")[0].strip())]
    else:
        listed = [Requirement(text) for text in requires("pointclip") or () if "extra ==" not in text]
    needed = {one.name: one.specifier for one in listed}
    for one in listed:
        for extra in one.extras:
            try:
                inner = [Requirement(text) for text in requires(one.name) or ()]
            except PackageNotFoundError:  # reported itself
                continue
            needed |= {more.name: more.specifier for more in inner if _only_of(more.marker, extra)}
    return needed


def _only_of(marker, extra: str) -> bool:
    """Whether a requirement with this marker comes with an extra, and not without."""
    return bool(marker) and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def torch_pair() -> Iterator[Finding]:
    """Check torch and torchvision, which must match: torchvision's operators are compiled for one version of torch."""
    fix = "pip install --upgrade torch torchvision open_clip_torch  # together, so that pip picks matching versions"
    for name in ("torch", "torchvision", "open_clip"):
        try:
            module = importlib.import_module(name)
        except Exception as error:  # mismatched versions raise ImportError, OSError, RuntimeError …
            result = f"cannot be imported: {' '.join(str(error).split())[:160]}"
            yield Finding(name, result, fix, fault=True)
        else:
            yield Finding(name, str(module.__version__))


def device() -> Iterator[Finding]:
    """The device and precision that CLIP would use."""
    if "torch" not in sys.modules:
        return
    import torch

    from pointclip.encoder.device import check_device, native_precision

    best = check_device("auto")
    threads = torch.get_num_threads()
    cpu = f"CPU, {threads} thread{'' if threads == 1 else 's'}"
    name = torch.cuda.get_device_name(best) if best.type == "cuda" else cpu
    precision = native_precision(best)
    yield Finding("device", f"{name}; precision auto is {precision}")
    bf16 = "native" if precision == "bf16" else "emulated, several times slower than fp32 or fp16"
    yield Finding("bf16", bf16)
    if best.type == "cpu" and Path("/proc/driver/nvidia/version").is_file():
        yield Finding(
            "GPU", "the driver is installed, but torch does not see a GPU", "install torch with CUDA: pytorch.org"
        )


def engines() -> Iterator[Finding]:
    """The projection's fast engines; the reference engine is plain torch and always available."""
    for name, where in (("numba", "on CPUs"), ("triton", "on GPUs")):
        try:
            importlib.import_module(name)
            yield Finding(name, f"{version(name)} (projection {where})")
        except (ImportError, OSError, PackageNotFoundError) as error:
            reason = " ".join(str(error).split())[:80]
            result = f"not available ({reason}); the projection {where} falls back to torch"
            yield Finding(name, result, f"pip install {name}" if name == "numba" else "")


def extras() -> Iterator[Finding]:
    for module, (use, fix) in EXTRAS.items():
        there = find_spec(module) is not None
        yield Finding(
            module, version(module) if there else f"not installed; needed only for {use}", "" if there else fix
        )


def demo() -> Iterator[Finding]:
    """The bundled encoder and sentences."""
    missing = [] if (PACKAGE / "encoder" / "demo" / "demo-clip.safetensors").is_file() else ["the demo encoder"]
    missing += [name for name in ("modelnet40", "shapenetpart") if name not in prompt_files()]
    fix = "reinstall the package" if missing else ""
    result = f"missing: {', '.join(missing)}" if missing else "complete"
    yield Finding("bundled files", result, fix, fault=bool(missing))
    count = len(list(PUBLISHED_PROMPTS.glob("*.json")))
    fix = "" if count else "pointclip prompts import-published PATH_OR_URL"
    yield Finding("paper's prompts", f"{count} files" if count else "not imported (for variant published)", fix)


def weights(offline: bool) -> Iterator[Finding]:
    """Weights in the hub's cache, and whether the hub can be reached for others."""
    cached = sorted(path.name for path in hub_cache().glob("models--*") if any(path.glob("snapshots/*/*")))
    names = ", ".join(name.removeprefix("models--").replace("--", "/") for name in cached)
    yield Finding("weights", names or f"none in {hub_cache()}; ENCODER.NAME demo needs none")
    if offline or os.environ.get("HF_HUB_OFFLINE", "0") not in ("0", ""):
        yield Finding("hub", "not checked")
        return
    reason = unreachable(os.environ.get("HF_ENDPOINT", HUB), HUB_SECONDS)
    fix = "use local weights: --encoder NAME ENCODER.PRETRAINED /path/to/ViT-B-16.pt; or set HTTPS_PROXY or HF_ENDPOINT"
    yield Finding("hub", f"cannot be reached ({reason})" if reason else "can be reached", fix if reason else "")


def data_sets(root: Path, verify: bool) -> Iterator[Finding]:
    """Which public data sets exist below the root, and with `verify` whether their files are correct."""
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
            yield Finding(source.title, f"{folder} is missing {', '.join(missing)}", get)
        elif verify:
            wrong = [line for ok, line in check(source, root) if not ok]
            yield Finding(source.title, wrong[0] if wrong else f"{folder}, all files checked", get if wrong else "")
        else:
            yield Finding(source.title, f"{folder} (add --verify to check its files)")


def caches() -> Iterator[Finding]:
    if found_user_cache() is None:
        yield Finding("cache folder", NO_HOME, "export POINTCLIP_CACHE=/writable/folder")
        return
    for name, (path, size) in cache_sizes().items():
        yield Finding(f"{name} cache", f"{size / 1e6:,.1f} MB in {path}")
    folder = next(path for path in (user_cache(), *user_cache().parents) if path.exists())
    if not os.access(folder, os.W_OK):
        yield Finding("cache folder", f"{folder} is not writable", "export POINTCLIP_CACHE=/writable/folder")


def disk() -> Iterator[Finding]:
    for name, folder in (("disk, here", Path.cwd()), ("disk, weights", hub_cache())):
        free, enough = check_free(folder, MIN_FREE_GB)
        yield Finding(name, f"{free:,.1f} GB free", "" if enough else f"free at least {MIN_FREE_GB:g} GB")
