"""What a detection run writes: a table, metrics.json, predictions.csv, a folder per scan, report.html, config.yaml."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pointclip.projection.view_projection import ViewProjection
from pointclip.runs.answers import ANSWERS
from pointclip.runs.notes import gathered
from pointclip.runs.output import table
from pointclip.runs.own_shapes import UP_COLUMNS
from pointclip.runs.run import Results, Run
from zeroshot_det.average_precision import MEANS, THRESHOLDS
from zeroshot_det.detection_files import BOX_COLUMNS, box_rows, write_scene
from zeroshot_det.detector import TASK, Detections
from zeroshot_det.proposals.scene_proposals import SceneProposals
from zeroshot_det.report import write_detection_report
from zeroshot_det.scenes.frames import SCENE_FRAME
from zeroshot_det.scenes.opening import PreparedScenes
from zeroshot_det.scores import DetectionScores

SHOWN = 20  # detections per scan in the terminal


def of_scenes(run: Run, scenes: PreparedScenes) -> Run:
    """The run, of scenes rather than of the boxes that CLIP read: its notes and what was left out."""
    notes = [
        *run.notes,
        *gathered(scenes.notes),
        *scenes.truth_notes,
        *(f"{name} was left out: {reason}" for name, reason in scenes.bad.items()),
    ]
    return replace(run, data=run.data if scenes.has_truth else "own scans", notes=notes, left_out=scenes.bad)


def report_scenes(
    run: Run,
    scenes: PreparedScenes,
    proposed: Sequence[SceneProposals],
    detections: Sequence[Detections],
    scores: DetectionScores | None,
    seconds: dict[str, float],
    projection: ViewProjection,
) -> dict:
    """Print the table, write the run's files, return what metrics.json holds.

    Args:
        proposed, detections: of each scene.
        scores: None without ground truth.
        seconds: by stage.
        projection: draws the depth maps of the page.
    """
    if scores:
        mean = run.settings.SCORING.MEAN
        print(score_table(scores, mean), flush=True)
        print(f"means over {scores.classes_counted(mean)}")
    else:
        print_detections(scenes, proposed, detections)
    summary = summarize(run, scenes, proposed, detections, scores, seconds)
    if not scores:
        summary[ANSWERS] = scan_answers(scenes, proposed, detections)
    names = scenes.detected_classes

    def page(path: Path) -> None:
        title = f"Zero-shot detection: {run.folder.name if scores else run.data}"
        write_detection_report(path, title, run, scenes, proposed, detections, scores, projection)

    def files(folder: Path) -> None:
        for entry, detected in zip(proposed, detections, strict=True) if not scenes.has_truth else ():
            scan = scenes.scenes[scenes.indices[entry.scene_index]]  # with all its points
            write_scene(folder / f"scan-{entry.scene_index + 1}", scan, detected, names)

    closing = f"{len(proposed)} scene(s), {summary['proposals']['boxes']} boxes classified"
    header = ["scene", *BOX_COLUMNS, *(f"p_{name}" for name in names), *(() if scenes.has_truth else UP_COLUMNS)]
    return run.publish(Results(summary, header, rows_of(scenes, proposed, detections), page, files, closing))


def scan_answers(
    scenes: PreparedScenes, proposed: Sequence[SceneProposals], detections: Sequence[Detections]
) -> list[dict]:
    """One dict per scan: its boxes in its frame (see `box_rows`), and its up axis; bad ones come last."""
    answers = []
    for entry, detected in zip(proposed, detections, strict=True):
        name, frame = scenes.names[entry.scene_index], scenes.frames[entry.scene_index]
        rows = box_rows(detected, scenes.detected_classes, frame)
        boxes = [dict(zip(BOX_COLUMNS, row, strict=True)) for row in rows]
        of_up = {"up": frame.up, "up_by": frame.up_by, "up_sure": frame.up_sure, "unit": frame.unit}
        of_up |= {} if frame.up_margin is None else {"up_margin": round(frame.up_margin, 3)}
        answers.append({"shape": name, "file": name, "boxes": boxes, "calibrated": False, **of_up})
    return answers + [{"shape": name, "file": name, "error": reason} for name, reason in scenes.bad.items()]


def rows_of(
    scenes: PreparedScenes, proposed: Sequence[SceneProposals], detections: Sequence[Detections]
) -> Iterator[list]:
    """The rows of predictions.csv, one a detection, in the frame of a user's scan.

    A row has the probability of every class, so that any evaluator can score the boxes: with EVERY_CLASS, a box counts
    for class k with score p_k · objectness. That of a user's scan ends with how its up axis was chosen.
    """
    for entry, detected in zip(proposed, detections, strict=True):
        frame = SCENE_FRAME if scenes.has_truth else scenes.frames[entry.scene_index]
        up = () if scenes.has_truth else (frame.up, frame.up_by, frame.up_sure)
        order = detected.ranked  # that of `box_rows`
        boxes = zip(box_rows(detected, scenes.detected_classes, frame), detected.probabilities[order], strict=True)
        for row, shares in boxes:
            yield [scenes.names[entry.scene_index], *row, *(f"{share:.9f}" for share in shares), *up]


def summarize(
    run: Run,
    scenes: PreparedScenes,
    proposed: Sequence[SceneProposals],
    detections: Sequence[Detections],
    scores: DetectionScores | None,
    seconds: dict[str, float],
) -> dict:
    """What metrics.json holds: every setting that affects the scores, and the scores in percent."""
    c = run.settings
    boxes = sum(len(entry.proposals) for entry in proposed)
    summary = {
        "task": TASK,
        **run.summary(len(proposed)),
        "scenes": len(proposed),
        "scenes_left_out": scenes.bad,
        "scenes_in_split": scenes.total,
        "true_boxes_without_points": sum(empty for _, empty in scenes.truth.values()),
        "classes": list(scenes.class_names),
        "proposals": {"boxes": boxes, **{key.lower(): value for key, value in c.PROPOSALS.items()}},
        "crops": {key.lower(): value for key, value in c.CROPS.items()},
        "classifier": {key.lower(): value for key, value in c.CLASSIFIER.items()},
        "nms": {"iou_threshold": c.NMS.IOU_THRESHOLD, "order": "objectness", "within": "most probable class",
                "iou": "axis-aligned bounds"},
        "scoring": {key.lower(): value for key, value in c.SCORING.items()},
        "points_of_a_scene": c.SCENE.NUM_POINTS,
        "voxel": c.SCENE.VOXEL_SIZE,
        "detections": sum(len(detected.boxes) for detected in detections),
        "seconds": seconds,
    }  # fmt: skip
    return summary if scores is None else summary | _figures(scores, scenes.class_names, c.SCORING.MEAN)


def _figures(scores: DetectionScores, names: Sequence[str], mean: str) -> dict:
    figures: dict = {
        "true_boxes": scores.truth,
        "mean_over": MEANS[mean],
        "classes_counted": scores.classes_counted(mean),
    }
    for threshold in THRESHOLDS:
        short = f"{round(100 * threshold)}"
        predicted = scores.predicted[threshold]
        means = {name: scores.means(threshold, name) for name in MEANS}
        figures |= {
            f"map{short}": 100 * means[mean]["predicted"],
            f"true_labels_map{short}": 100 * means[mean]["true labels"],
            f"chance_map{short}": 100 * means[mean]["chance labels"],
            f"bound_map{short}": 100 * means[mean]["bound"],
            f"map{short}_by_mean": {name: 100 * of["predicted"] for name, of in means.items()},
            f"true_labels_map{short}_by_mean": {name: 100 * of["true labels"] for name, of in means.items()},
            f"chance_map{short}_by_mean": {name: 100 * of["chance labels"] for name, of in means.items()},
            f"class_ap{short}": dict(zip(names, (100 * predicted.average_precision).tolist(), strict=True)),
            f"proposal_recall{short}": 100 * scores.recall[threshold],
            f"class_proposal_recall{short}": dict(
                zip(names, (100 * scores.class_recall[threshold]).tolist(), strict=True)
            ),
        }
    return figures


def score_table(scores: DetectionScores, mean: str) -> str:
    """AP and the proposals' recall by class; below them their means, and the references' over the same classes."""
    low, high = THRESHOLDS
    rows = []
    for k, name in enumerate(scores.predicted[low].class_names):
        values = [scores.predicted[t].average_precision[k] for t in THRESHOLDS]
        values += [scores.class_recall[t][k] for t in THRESHOLDS]
        if scores.predicted[low].truth[k] or scores.predicted[low].predictions[k]:
            rows.append([name, scores.predicted[low].truth[k], *map(_percent, values)])
    recall = [scores.recall[t] for t in THRESHOLDS]
    means = [scores.means(t, mean) for t in THRESHOLDS]
    rows.append(["mean", scores.truth, *(_percent(of["predicted"]) for of in means), *map(_percent, recall)])
    for name in ("true labels", "chance labels", "bound"):
        rows.append([f"{name}, mean", "", *(_percent(of[name]) for of in means), "", ""])
    return table(["class", "boxes", f"AP{100 * low:.0f}", f"AP{100 * high:.0f}", "recall25", "recall50"], rows)


def print_detections(
    scenes: PreparedScenes, proposed: Sequence[SceneProposals], detections: Sequence[Detections]
) -> None:
    """Print the detections of highest score in each scan."""
    for entry, detected in zip(proposed, detections, strict=True):
        order = detected.ranked[:SHOWN]
        rows = []
        for i in order:
            size = " × ".join(f"{side:.2f}" for side in detected.boxes[i, 3:6])
            label = detected.labels[i]
            share = "–" if label == detected.unnamed else f"{100 * detected.probabilities[i].max():.0f}"
            rows.append([scenes.detected_classes[label], f"{detected.scores[i]:.2f}", share, size])
        print(f"\n{table([Path(scenes.names[entry.scene_index]).name, 'score', 'uncalibrated %', 'size (m)'], rows)}")


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.1f}"
