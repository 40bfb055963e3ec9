"""The page of a detection run: scores by class, and scenes to rotate with their detections."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from pointclip.projection.view_projection import ViewProjection
from pointclip.report.album import Album, cell, column, short_names
from pointclip.report.page import render
from pointclip.runs.run import Run
from zeroshot_det import scene_view
from zeroshot_det.average_precision import THRESHOLDS
from zeroshot_det.boxes import in_box_axes, inside
from zeroshot_det.crop_classifier import crop
from zeroshot_det.detector import Detections
from zeroshot_det.proposals.scene_proposals import SceneProposals
from zeroshot_det.scenes.base import Scene
from zeroshot_det.scenes.opening import PreparedScenes
from zeroshot_det.scores import DetectionScores

TEMPLATE = Path(__file__).with_name("report.html.j2")
SCENES = 4  # shown on the page
ROWS = 40  # detections listed per scene
BOXES = 9  # per scene, shown with crop and depth maps
INITIAL_BOXES = 12  # drawn before the slider is moved
TOP = 3  # classes listed per box


def write_detection_report(
    path: str | os.PathLike,
    title: str,
    run: Run,
    scenes: PreparedScenes,
    proposed: Sequence[SceneProposals],
    detections: Sequence[Detections],
    scores: DetectionScores | None,
    projection: ViewProjection,
) -> None:
    """Write the page; its pictures go to the folder `pictures` beside it.

    Args:
        proposed, detections: of each scene; the first `SCENES` are shown.
        scores: None without ground truth.
        projection: draws the depth maps.
    """
    album = Album(path)
    shown = list(zip(proposed, detections, strict=True))[:SCENES]
    cases = [_case(album, number, scenes, *pair, run, projection) for number, pair in enumerate(shown, 1)]
    for case, name in zip(cases, short_names([case["path"] for case in cases]), strict=True):
        case["name"] = name
    hint = "Drag a scene or use the arrow keys to rotate it, + and − to zoom."
    if len(proposed) > len(shown):
        hint += f" The first {len(shown)} of {len(proposed)} scenes are shown; predictions.csv has all."
    facts: dict[str, object] = {"Scenes": f"{len(proposed)}"}
    if scores:
        mean = run.settings.SCORING.MEAN
        for threshold in THRESHOLDS:
            predicted, true, chance, bound = (cell(100 * value) for value in scores.means(threshold, mean).values())
            facts[f"mAP at IoU {threshold:g}"] = (
                f"{predicted} % (the same boxes with true labels {true} %, with chance labels {chance} %; "
                f"at most {bound} % are possible)"
            )
        facts["Means"] = f"over {scores.classes_counted(mean)}"
    page = render(
        TEMPLATE,
        run.heading(title, facts),
        table=_table(scores) if scores else {},
        sections=[("Scenes", hint, cases)],
    )
    album.write_page(page)


def _table(scores: DetectionScores) -> dict:
    columns = [column("class", text=True), column("AP25", bar=True), *map(column, ("AP25 %", "AP50 %"))]
    columns += [*map(column, ("recall25 %", "recall50 %", "true boxes"))]
    low, high = (scores.predicted[t] for t in THRESHOLDS)
    rows = []
    for k, name in enumerate(low.class_names):
        if not low.truth[k]:
            continue
        values = [100 * at_threshold.average_precision[k] for at_threshold in (low, high)]
        values += [100 * scores.class_recall[t][k] for t in THRESHOLDS]
        rows.append([name, values[0], *map(cell, values), cell(low.truth[k])])
    caption = "Average precision, and recall of the proposals whatever their labels, at IoU 0.25 and 0.5."
    rows.sort(key=lambda row: -row[1])
    return {"title": "Scores of each class", "caption": caption, "columns": columns, "rows": rows}


def _case(
    album: Album,
    number: int,
    scenes: PreparedScenes,
    entry: SceneProposals,
    detected: Detections,
    run: Run,
    projection: ViewProjection,
) -> dict:
    """One scene as the template takes it."""
    scene, names = scenes[entry.scene_index], scenes.detected_classes
    order = detected.ranked
    labels, ranked = detected.labels[order], detected.scores[order]
    min_score = float(np.floor(100 * ranked[:INITIAL_BOXES].min(initial=1)) / 100)
    true_names = [names[label] for label in entry.true_labels]
    drawn = (detected.boxes[order], [names[label] for label in labels], labels, ranked, entry.true_boxes, true_names)
    crops = run.settings.CROPS.MARGIN / entry.enlargement, run.settings.CROPS.NUM_POINTS
    rows = [_row(detected, i, place, names, entry) for place, i in enumerate(order[:ROWS])]
    return {
        "path": scene.name,
        "size": f"{len(scene.points):,} points, {len(detected.boxes)} boxes",
        "min_score": min_score,
        "truth": len(entry.true_boxes),
        "json": scene_view.scene_json(scene.points, scene.colours, *drawn, min_score),
        "rows": rows,
        "more": f"; the first {ROWS} of {len(order)}" if len(order) > ROWS else "",
        "boxes": [
            _box(album, f"scene-{number}-box-{place}", scene, detected, i, names, crops, projection)
            for place, i in enumerate(order[:BOXES], 1)
        ],
    }


def _row(detected: Detections, i: int, place: int, names: Sequence[str], entry: SceneProposals) -> dict:
    centre = detected.boxes[i, :3]
    truth = zip(entry.true_boxes, entry.true_labels, strict=True)
    true_names = [names[label] for box, label in truth if inside(centre[None], box)[0]]
    return {
        "box": place,
        "name": names[detected.labels[i]],
        "colour": scene_view.colour_of(detected.labels[i]),
        "score": float(detected.scores[i]),
        "probability": 100 * detected.probabilities[i].max(),
        "objectness": detected.objectness[i],
        "size": " × ".join(f"{side:.2f}" for side in detected.boxes[i, 3:6]),
        "truth": ", ".join(true_names) or "–",
    }


def _box(
    album: Album,
    name: str,
    scene: Scene,
    detected: Detections,
    i: int,
    names: Sequence[str],
    crops: tuple[float, int],
    projection: ViewProjection,
) -> dict:
    """One detection with its crop, of a margin and a number of points, its depth maps and its most probable classes."""
    box, (margin, count) = detected.boxes[i], crops
    points = torch.from_numpy(crop(scene.points, box, margin, count))[None]
    maps = projection.depth_maps(points.to(projection.rotations.device))[0].cpu().numpy()
    near = inside(scene.points, box, margin)
    colours = None if scene.colours is None else scene.colours[near]
    none = np.zeros((0, 7))
    order = np.argsort(-detected.probabilities[i], kind="stable")[:TOP]
    inner = in_box_axes(scene.points[near], box)
    return {
        "name": names[detected.labels[i]],
        "colour": scene_view.colour_of(detected.labels[i]),
        "score": float(detected.scores[i]),
        "json": scene_view.scene_json(inner, colours, none, (), np.zeros(0), np.zeros(0), none, (), max_points=2500),
        "picture": album.add(name, _strip(maps / max(1, maps.max()))),
        "views": len(maps),
        "top": ", ".join(f"{names[k]} {100 * detected.probabilities[i, k]:.0f} %" for k in order),
    }


def _strip(maps: np.ndarray, columns: int = 5) -> Figure:
    """Depth maps [V, H, W] in one picture without titles: a page has many, and every axis takes time to draw."""
    rows = -(-len(maps) // columns)
    framed = np.pad(maps, ((0, rows * columns - len(maps)), (1, 1), (1, 1)), constant_values=0.85)
    height, width = framed.shape[1:]
    sheet = framed.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
    figure = Figure(figsize=(sheet.shape[1] / 100, sheet.shape[0] / 100), dpi=100)
    figure.figimage(sheet, cmap="gray", vmin=0, vmax=1)
    return figure
