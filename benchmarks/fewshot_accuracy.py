"""How accurate is each few-shot method from K shots, where zero-shot is weak, strong, or does not know the words?

Four sets, encoded by the bundled encoder: features of 200 of ModelNet10's real clouds in arbitrary pose
(tests/fixtures), sixteen synthetic kinds that the encoder knows, in canonical pose and rotated freely, and four that it
does not know. A draw takes K shots of each class; the other shapes are the test, and all methods see the same draws.
With --base-to-new, half of the classes, others in each draw, get no shots (`fewshot_cls.new_classes`). Every result is
kept in --output as soon as it is there, and not computed again.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.machine import machine, positive
from fewshot_cls.learn import LabelledShapes, learn
from fewshot_cls.methods import METHODS
from fewshot_cls.methods.zero_shot import ZeroShot
from fewshot_cls.new_classes import beside_new
from fewshot_cls.scores import evaluate
from fewshot_cls.settings import fewshot_defaults
from pointclip.config import with_changes
from pointclip.config_files import sentence_file
from pointclip.datasets.batches import BatchReader
from pointclip.datasets.rotated import rotated
from pointclip.datasets.synthetic import SyntheticShapes, UnseenShapes
from pointclip.encoder import Encoder, load_encoder
from pointclip.features import FeatureExtractor, FeatureStore
from pointclip.prompts import class_sentences, open_prompts
from pointclip.runs.output import table
from pointclip.utils.caches import user_cache
from pointclip.utils.command import names_from, run_command
from zeroshot_cls.calibration import calibration_error
from zeroshot_cls.classifier import extract_features
from zeroshot_cls.realistic_projection import RealisticProjection

FIXTURE = Path(__file__).resolve().parents[1] / "tests" / "fixtures" / "fewshot_real_train.npz"
SETS = {
    "real": "real clouds, arbitrary pose (weak zero-shot)",
    "known": "known kinds (strong zero-shot)",
    "rotated": "known kinds, rotated freely",
    "unknown": "kinds whose words the encoder does not know",
}
PER_CLASS, UNKNOWN_PER_CLASS, POINTS = 28, 40, 1024
TEMPLATE = "a depth map of a {}."
MEASURES = {"accuracy": "Accuracy %", "error": "Calibration error %"}
NEW_MEASURES = {"base": "Accuracy % with shots", "new": "Accuracy % without shots", "harmonic": "Harmonic mean %"}
SMALLEST = "zero-shot"  # the row of the bar, with nearest_mean


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of each few-shot method.")
    closed = [method.name for method in METHODS.values() if not method.trains]
    parser.add_argument("--sets", type=names_from, default=tuple(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--methods", type=names_from, default=tuple(closed), help="by default those without training")
    parser.add_argument("--shots", type=names_from, default=("1", "2", "4", "8", "16"))
    parser.add_argument("--base-to-new", action="store_true", help="half of the classes get no shots")
    parser.add_argument("--draws", type=positive, default=40)
    parser.add_argument("--output", type=Path, default=Path("output/fewshot_accuracy.jsonl"))
    parser.add_argument("--cache", type=Path, default=user_cache() / "features", help="of the bundled sets' features")
    args = parser.parse_args()
    print(machine())

    encoder = load_encoder("demo", device="cpu", precision="fp32")
    results = Results(args.output)
    for name in args.sets:
        data = None
        for shots, method, seed in wanted(args):
            key = f"{name}, base to new" if args.base_to_new else name, shots, method, seed
            if key in results.known:
                continue
            data = data or open_set(name, encoder, args.cache)
            results.add(key, (measure_new if args.base_to_new else measure)(*data, encoder, shots, method, seed))
    for measured, words in (NEW_MEASURES if args.base_to_new else MEASURES).items():
        for name in args.sets:
            known = f"{name}, base to new" if args.base_to_new else name
            rows = results.rows(known, [int(shots) for shots in args.shots], measured)
            print(f"\n{words}: {SETS[name]}\n{table(['K =', *args.shots, 'draws'], rows)}")


def wanted(args: argparse.Namespace) -> Iterator[tuple[int, str, int]]:
    """(K, method, seed), draw by draw, so that an interrupted run has a few draws of everything."""
    for seed in range(args.draws):
        for shots in map(int, args.shots):
            for method in (SMALLEST, *args.methods):
                yield shots, method, seed


class Results:
    """Measured values by set, K, method and seed, kept in a file of JSON lines."""

    def __init__(self, path: Path):
        self.path, self.known = path, {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                *key, values = json.loads(line)
                self.known[tuple(key)] = values

    def add(self, key: tuple[str, int, str, int], values: dict[str, float]) -> None:
        self.known[key] = values
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps([*key, values]) + "\n")

    def rows(self, name: str, shots: list[int], measured: str) -> list[list[str]]:
        """Mean ± standard error of each method, and how many draws it is of."""
        rows = []
        for method in (SMALLEST, *METHODS):
            of_method = [[v[measured] for key, v in self.known.items() if key[:3] == (name, k, method)] for k in shots]
            if any(of_method):
                cells = [f"{np.mean(v):.1f} ± {standard_error(v):.1f}" if v else "" for v in of_method]
                rows.append([method, *cells, max(map(len, of_method))])
        return rows


def standard_error(values: list[float]) -> float:
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")


def measure(
    views: Tensor, labels: Tensor, classes: Tensor, encoder: Encoder, shots: int, method: str, seed: int
) -> dict[str, float]:
    """Accuracy and calibration error in percent of the test shapes of a draw."""
    zero = ZeroShot(classes, torch.ones(views.shape[1]))
    train, test = draw(labels, shots, seed)
    with torch.no_grad():
        logits = zero(views[test])
    if method != SMALLEST:
        settings = with_changes(fewshot_defaults(), {"METHOD": method, "ADAPTER.FEATURES": "unit"})
        support = LabelledShapes(views[train], labels[train])
        head = learn(settings, zero, support, None, encoder, seed=seed).head
        with torch.no_grad():
            logits = head(views[test]) / head.temperature
    right = (logits.argmax(1) == labels[test]).double().mean().item()
    return {"accuracy": 100 * right, "error": calibration_error(logits.softmax(1), labels[test])}


def measure_new(
    views: Tensor, labels: Tensor, classes: Tensor, encoder: Encoder, shots: int, method: str, seed: int
) -> dict[str, float]:
    """Accuracy in percent of classes with and without shots, among all classes, and the harmonic mean, of a draw."""
    weights = torch.ones(views.shape[1])
    base = torch.from_numpy(np.sort(np.random.default_rng(seed).permutation(len(classes))[: len(classes) // 2]))
    train, test = draw(labels, shots, seed)
    train = train[torch.isin(labels[train], base)]
    with torch.no_grad():
        logits = zero = ZeroShot(classes, weights)(views[test])
    if method != SMALLEST:
        settings = with_changes(fewshot_defaults(), {"METHOD": method, "ADAPTER.FEATURES": "unit"})
        support = LabelledShapes(views[train], torch.searchsorted(base, labels[train]))
        head = learn(settings, ZeroShot(classes[base], weights), support, None, encoder, seed=seed).head
        with torch.no_grad():
            logits = beside_new(head(views[test]) / head.temperature, zero, base.tolist())
    scores = evaluate(logits, labels[test], [str(label) for label in range(len(classes))])
    found = scores.base_to_new(base.tolist())
    assert found is not None, "half of the classes have shots"
    return dict(zip(NEW_MEASURES, found.values(), strict=True))


def draw(labels: Tensor, shots: int, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of K shots of each class, and of the other shapes; those of fewer shots are among those of more."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(np.flatnonzero(labels == label)) for label in labels.unique()]
    parts = slice(shots), slice(shots, None)
    return tuple(torch.from_numpy(np.concatenate([order[part] for order in orders])) for part in parts)


def open_set(name: str, encoder: Encoder, cache: Path) -> tuple[Tensor, Tensor, Tensor]:
    """Unit view features [n, V, C], labels [n], and the classes' unit features [K, C]."""
    if name == "real":
        with np.load(FIXTURE) as arrays:
            views, labels, classes = (torch.from_numpy(arrays[key]) for key in ("features", "labels", "classes"))
        return F.normalize(views.float(), dim=-1), labels, classes
    if name == "unknown":
        shapes, prompts = UnseenShapes(split="train", num_points=POINTS), ""
        indices = range(UNKNOWN_PER_CLASS * len(shapes.class_names))
    else:
        shapes, prompts = SyntheticShapes(split="val", per_class=PER_CLASS, num_points=POINTS), "synthetic"
        shapes, indices = rotated(shapes, "so3" if name == "rotated" else "none"), range(len(shapes))
    projection = RealisticProjection()
    extractor = FeatureExtractor(projection, encoder, FeatureStore(cache, encoder, projection))
    features = extract_features(BatchReader(shapes, 4, "stop", list(indices)), extractor)
    sentences = class_sentences(shapes.class_names, open_prompts(sentence_file(prompts)), TEMPLATE)
    return features.views, features.labels, extractor.class_features(sentences).cpu()


if __name__ == "__main__":
    run_command(main)
