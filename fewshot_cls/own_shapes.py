"""The output of a few-shot run on own shapes: the classes, and what their page shows."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from fewshot_cls.comparison import Compared, depth_maps
from fewshot_cls.report import Change, write_fewshot_report
from fewshot_cls.settings import TASK
from fewshot_cls.training import Training
from pointclip.runs.answers import ANSWERS
from pointclip.runs.own_shapes import UP_COLUMNS, answers_of, class_answers, details, print_classes
from pointclip.runs.run import Results, Run, no_files
from zeroshot_cls.classifier import top_classes

PAGED = 100  # --input shapes printed and shown on the page
CALIBRATED = "Probabilities are calibrated on the training shapes, for shapes similar to those."
UNCALIBRATED = "Probabilities are uncalibrated: it takes four training shapes a class, or validation shots."
EXPLANATION = (
    "Zero-shot's prediction, few-shot's, the shape itself, and the depth maps that CLIP saw. Drag a shape to rotate "
    "it; its colours show the height."
)


def report_own_shapes(
    run: Run,
    compared: Compared,
    trainings: Mapping[str, Training] = MappingProxyType({}),
    files: Callable[[Path], object] = no_files,
) -> dict:
    """Print the most probable classes of each own shape and publish the run; returns what metrics.json holds.

    Args:
        trainings: whose curves the page shows, by the draw in words.
        files: writes what the run has learned.
    """
    reader, test, names, threshold = compared.reader, compared.test, compared.names, compared.threshold
    order, best = top_classes(compared.logits)
    listed = answers_of(reader, test.indices, class_answers(names, order, best, threshold, compared.calibrated))
    count = len(test.names)
    run = run.with_notes(CALIBRATED if compared.calibrated else UNCALIBRATED)
    if count > PAGED:
        run = run.with_notes(f"The first {PAGED} of {count:,} shapes are shown; all of them are in predictions.csv.")
    given = {"input": reader.files.given, "classes": list(names), "threshold": threshold}
    summary = {"task": TASK, **given, **run.summary(count), ANSWERS: listed, "method": run.settings.METHOD}
    header = ["shape", "prediction", "probability", "calibrated", *UP_COLUMNS]
    rows = [
        [one["shape"], one["class"], f"{one['probability']:.6f}", int(one["calibrated"]), *map(one.get, UP_COLUMNS)]
        for one in listed[:count]
    ]
    print_classes(listed, threshold, PAGED)

    def page(path: Path) -> None:
        before = compared.zero.softmax(1).numpy()  # [n, K]
        cases = [
            Change(
                name,
                "",
                names[before[i].argmax()],
                float(before[i].max()),
                listed[i]["class"],
                float(best[i, 0]),
                depth_maps(compared, i),
                details(listed[i]),
                reader.shapes[test.indices[i]].points,
                compared.calibrated,
            )
            for i, name in enumerate(test.names[:PAGED])
        ]
        heading = run.heading("Few-shot classification: own shapes")
        write_fewshot_report(path, heading, trainings, {}, [("Shapes", EXPLANATION, cases)])

    return run.publish(Results(summary, header, rows, page, files))
