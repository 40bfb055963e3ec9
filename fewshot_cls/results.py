"""The output of a few-shot run on a data set: the table, the scores, the heads and shots, and the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor
from yacs.config import CfgNode

from fewshot_cls.comparison import Compared, by_class, changed_sections, class_rows, predictions, scored_in_words
from fewshot_cls.features import facts_of
from fewshot_cls.learn import CHOSEN_ON, Learned, selection
from fewshot_cls.methods import METHODS
from fewshot_cls.report import write_fewshot_report
from fewshot_cls.scores import Scores
from fewshot_cls.settings import TASK
from fewshot_cls.shots import Shots, listing
from fewshot_cls.training_shapes import Augmented
from pointclip.runs.output import table, write_csv, write_json
from pointclip.runs.run import Results, Run
from zeroshot_cls.classifier import Features

TUNED = "Hyperparameters or the epoch were selected on the labels of the reported split (PROTOCOL published)."


@dataclass(frozen=True)
class Answer:
    """What one draw of shots led to."""

    draw: Shots
    learned: Learned
    logits: Tensor  # [n, K] of the shapes to classify, [0, K] if there are none


def write_learned(
    folder: Path, settings: CfgNode, answers: Sequence[Answer], training: Augmented, shots: Features, **facts
) -> None:
    """Write the shots and the head of every draw, and the epochs if it was trained.

    Args:
        shots: features of the training shapes; their names are used.
        facts: passed to `facts_of`.
    """
    names = dict(zip(shots.indices, shots.names, strict=True))
    for draw, learned in ((answer.draw, answer.learned) for answer in answers):
        ending = f"_seed{draw.seed}" if len(answers) > 1 else ""
        write_json(
            folder / f"shots{ending}.json",
            listing(draw, training.labels, training.class_names, names, settings.SHOTS_SPLIT),
        )
        head_facts = facts_of(settings, training.class_names, draw, learned.head, **facts)
        smoothing = learned.projection and learned.projection.smoothing
        learned.head.save(folder / f"head{ending}.safetensors", head_facts, smoothing)
        if learned.training:
            rows = [list(asdict(epoch).values()) for epoch in learned.training.epochs]
            header = ["epoch", "rate", "loss", "accuracy", "chosen_on_accuracy", "chosen_on_loss"]
            write_csv(folder / f"epochs{ending}.csv", header, rows)


def with_notes(run: Run, settings: CfgNode, notes: Sequence[str] = ()) -> Run:
    """The run with its method's notes, marked where anything was selected on test labels."""
    tuned = settings.PROTOCOL == "published"
    notes = [*([TUNED] if tuned else []), *notes]
    if settings.AUGMENT_ONLINE:
        notes.append("Training shapes were augmented anew in every epoch, and never seen as they are.")
    if settings.SHOTS and settings.AUGMENT:
        notes.append(f"The head also learned from {settings.AUGMENT} scaled copies of every training shape.")
    return replace(run, origin=replace(run.origin, tuned=run.origin.tuned or tuned), notes=[*run.notes, *notes])


def report_test(run: Run, compared: Compared, answers: Sequence[Answer], files: Callable[[Path], object]) -> dict:
    """Score every draw beside zero-shot, print the table and publish the run; returns what metrics.json holds.

    Args:
        files: writes what the run has learned.
    """
    names, settings, threshold = compared.names, run.settings, compared.threshold
    before = compared.score(compared.zero)
    after = [compared.score(answer.logits) for answer in answers]
    accuracies = [scores.accuracy for scores in after]
    deviation = float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None
    per_class = np.mean([scores.class_accuracy for scores in after], axis=0)
    summary = {
        "task": TASK,
        **run.summary(before.shapes, len(before.truth)),
        **method_summary(settings, answers),
        "accuracy": float(np.mean(accuracies)),
        "accuracy_deviation": deviation,
        "accuracy_standard_error": after[0].accuracy_error,
        "accuracy_by_seed": accuracies,
        "zeroshot_accuracy": before.accuracy,
        "gain": float(np.mean(accuracies)) - before.accuracy,
        "mean_class_accuracy": float(np.mean([scores.mean_class_accuracy for scores in after])),
        "class_accuracy": dict(zip(names, per_class.tolist(), strict=True)),
        "zeroshot_class_accuracy": dict(zip(names, before.class_accuracy.tolist(), strict=True)),
        **(after[0].answered(threshold) if threshold else {}),
        **_base_to_new(compared, before, after),
        "changed_to_right": int((after[0].correct & ~before.correct).sum()),
        "changed_to_wrong": int((~after[0].correct & before.correct).sum()),
    }
    classes = by_class(before, per_class)
    spread = "" if deviation is None else f" ± {deviation:.2f}"
    rows = [
        *class_rows(classes),
        ["all", before.shapes, f"{before.accuracy:.2f}", f"{summary['accuracy']:.2f}{spread}"],
    ]
    rows += base_to_new_rows(summary)
    print(table(["class", "shapes", "zero-shot %", "few-shot %"], rows))
    print(f"\n{method_in_words(settings)}; {_chosen(answers[0])}")
    if run.data.startswith("own shapes"):
        print(scored_in_words(after[0], threshold))

    def page(path: Path) -> None:
        facts = {
            "Method": method_in_words(settings),
            "Selected": _chosen(answers[0]),
            "Shapes": f"{before.shapes}",
            "Accuracy": f"{summary['accuracy']:.2f} %, zero-shot {before.accuracy:.2f} %",
        }
        for text, _, old, now in base_to_new_rows(summary):
            facts[text.capitalize()] = f"{now} %, zero-shot {old} %"
        trainings = {answer.draw.words: answer.learned.training for answer in answers if answer.learned.training}
        heading = run.heading(f"Few-shot classification: {run.folder.name}", facts)
        write_fewshot_report(path, heading, trainings, classes, changed_sections(compared, before, after[0]))

    return run.publish(Results(summary, *predictions(run.origin.tuned, compared, before, after[0]), page, files))


def _base_to_new(compared: Compared, before: Scores, after: Sequence[Scores]) -> dict[str, float]:
    """Mean accuracies of learned and of new classes, and zero-shot's, for metrics.json; {} without new classes."""
    if compared.learned is None:
        return {}
    first, draws = before.base_to_new(compared.learned), [scores.base_to_new(compared.learned) for scores in after]
    if first is None:
        return {}
    mean = {name: float(np.mean([draw[name] for draw in draws if draw])) for name in first}
    return mean | {f"zeroshot_{name}": value for name, value in first.items()}


def base_to_new_rows(summary: Mapping) -> list[list]:
    """Rows of a printed table about learned and new classes, where metrics.json has them."""
    words = {"base_accuracy": "with shots", "new_accuracy": "without shots", "harmonic_mean": "harmonic mean"}
    return [
        [text, "", f"{summary[f'zeroshot_{name}']:.2f}", f"{summary[name]:.2f}"]
        for name, text in words.items()
        if name in summary
    ]


def report_training(run: Run, answers: Sequence[Answer], files: Callable[[Path], object]) -> dict:
    """Publish what was learned from the user's shapes, where there are none to classify; see `report_test`."""
    run, settings = replace(run, data="own shapes"), run.settings
    summary = {"task": TASK, **run.summary(0), **method_summary(settings, answers)}
    summary["training_shapes"] = len(answers[0].draw.train)
    print(f"{method_in_words(settings)}; {_chosen(answers[0])}; the head is in {run.folder / 'head.safetensors'}")
    return run.publish(Results(summary, files=files, closing=f"{summary['training_shapes']} training shapes"))


def method_in_words(settings: CfgNode) -> str:
    """The method, the shots and the protocol, as text."""
    shots = f"{settings.SHOTS} shots" if settings.SHOTS else "all training shapes"
    seeds = f", mean of {settings.SEEDS} draws" if settings.SEEDS > 1 else ""
    return f"{METHODS[settings.METHOD].words}, {shots}{seeds}; {selection(CHOSEN_ON[settings.PROTOCOL])}"


def method_summary(settings: CfgNode, answers: Sequence[Answer]) -> dict:
    """The entries of metrics.json about the method."""
    return {
        "method": settings.METHOD,
        "shots": settings.SHOTS,
        "seeds": [answer.draw.seed for answer in answers],
        "protocol": settings.PROTOCOL,
        "chosen_on": CHOSEN_ON[settings.PROTOCOL],
        "found": [answer.learned.chosen for answer in answers],
    }


def _chosen(answer: Answer) -> str:
    """What was selected, as text: "alpha 1, beta 5.5 (the best of 91 combinations, accuracy 97.50 % there)"."""
    chosen = dict(answer.learned.chosen)
    tried, accuracy = chosen.pop("tried", 0), chosen.pop("accuracy_where_chosen", 0)
    words = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in chosen.items()) or "no hyperparameters"
    return words + (f" (the best of {tried} combinations, accuracy {accuracy:.2f} % there)" if tried else "")
