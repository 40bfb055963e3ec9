"""Few-shot classification of a data set or your own shapes: `python main.py --config configs/demo.yaml --shots 16`."""

if __name__ == "__main__":  # from a checkout, installed or not
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from pointclip.runs.start import run_task

    run_task("fewshot_cls")

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from yacs.config import CfgNode

from fewshot_cls.comparison import Compared
from fewshot_cls.equal_files import equal_files_notes
from fewshot_cls.features import (
    draw_all,
    drawn,
    encoder_facts,
    extract_shots,
    files_of,
    learn_from,
    open_method_extractor,
    open_reader,
    open_training,
    unit_views,
)
from fewshot_cls.frames import common_frame, stand_alike
from fewshot_cls.inference import apply_head, logits_of, no_logits
from fewshot_cls.learn import takes_unit
from fewshot_cls.methods.zero_shot import ZeroShot
from fewshot_cls.new_classes import beside_new, columns_of, new_note, with_new
from fewshot_cls.own_shapes import report_own_shapes
from fewshot_cls.progress import training_progress
from fewshot_cls.projections import open_projection, open_view_weights, selected_views
from fewshot_cls.results import Answer, report_test, report_training, with_notes, write_learned
from fewshot_cls.settings import parse
from pointclip.prompts import class_sentences, open_prompts
from pointclip.runs.answers import answering
from pointclip.runs.atomic_folder import claim
from pointclip.runs.own_shapes import notes_of
from pointclip.runs.poses import find_up_axes
from pointclip.runs.run import describe_run
from pointclip.search.result import read_result
from pointclip.utils.files import expanded
from zeroshot_cls.classifier import TASK as ZERO_SHOT
from zeroshot_cls.classifier import extract_features


def main(words: Sequence[str] | None = None) -> dict:
    """Run the command line `words`, by default the process's arguments; returns what metrics.json holds."""
    args, settings = parse(words)
    return answering(args, lambda: run(args, settings))


def run(args: argparse.Namespace, settings: CfgNode) -> dict:
    """Learn and classify as the arguments and settings say; returns what metrics.json holds."""
    # settings
    if settings.HEAD:
        return apply_head(args, settings)
    result = read_result(settings.SEARCHED, ZERO_SHOT) if settings.SEARCHED else None
    weights = open_view_weights(settings, searched=bool(result and result.weights))

    # data
    training = open_training(settings, args)
    draws = draw_all(settings, training, Path(args.train).name if args.train else "")
    names = with_new(training.class_names, args.new_classes)
    reader = open_reader(settings, args, names)
    names = names if reader is None else reader.shapes.class_names  # a data set has its own, see SHOTS_CLASSES
    learned_columns = columns_of(training.class_names, names)
    new = len(names) > len(learned_columns)  # classes without shots
    sentences = class_sentences(names, open_prompts(settings.PROMPTS.FILE), settings.PROMPTS.TEMPLATE)
    if result:
        sentences, weights = result.apply_to_classes(sentences, weights, selected_views(settings)[0])

    # model
    unit = takes_unit(settings)
    extractor = open_method_extractor(settings, open_projection(settings), args, unit)
    class_features = extractor.class_features(sentences)
    zero_of_all = ZeroShot(class_features.cpu(), weights.values)
    zero = ZeroShot(zero_of_all.classes[learned_columns], weights.values)
    named = class_features, weights.values, names
    find_up_axes(training.files, drawn(draws), extractor, *named)
    frame = common_frame(training.files, drawn(draws))
    files = files_of(reader)
    if frame is None or frame.consistent:
        find_up_axes(files, reader.indices if reader else None, extractor, *named)
    stand_alike(files, frame)

    # features: frozen CLIP sees every shape once
    shots = extract_shots(settings, training, draws, extractor, unit)
    start = time.perf_counter()
    test = extract_features(reader, extractor, unit) if reader else None
    seconds = time.perf_counter() - start

    # learning, once for each draw
    answers = []
    claim(args.folder)  # for checkpoints of the training
    for draw in draws:
        with training_progress(args, settings, draw) as on_epoch:
            rest = {"checkpoint": args.folder / f"training_seed{draw.seed}.safetensors", "on_epoch": on_epoch}
            learned = learn_from(settings, zero, training, draw, shots, extractor.encoder, test, reader, **rest)
        logits = logits_of(learned, test, reader, extractor, unit) if reader and test else no_logits(zero)
        if test and new:
            logits = beside_new(logits, zero_of_all(unit_views(test)), learned_columns)
        answers.append(Answer(draw, learned, logits))

    # results
    learned_from = encoder_facts(extractor, sentences, unit, frame, training.class_names)

    def write(folder: Path) -> None:
        write_learned(folder, settings, answers, training, shots, **learned_from)

    origins = sentences.origin, weights.origin
    described = describe_run(args, settings, extractor, reader, sentences, origins, result, seconds)
    notes = [f"training shapes: {note}" for note in notes_of(training.files)] + ([frame.note] if frame else [])
    if training.files is not None:
        classes = [training.class_names[label] for label in training.original_labels]
        notes += equal_files_notes(training.files.paths, classes, files.paths if args.test and files else ())
    described = with_notes(described, settings, notes + ([new_note(names, learned_columns)] if new else []))
    if reader is None or test is None:
        return report_training(described, answers, write)
    learned, draw = answers[0].learned, answers[0].draw
    rest = extractor.projection, learned.head.calibrated and not new, args.threshold
    columns = learned_columns if new else None
    compared = Compared(reader, test, names, zero_of_all(unit_views(test)), answers[0].logits, *rest, columns)
    if args.input:
        trainings = {draw.words: learned.training} if learned.training else {}
        return report_own_shapes(described, compared, trainings, write)
    if args.test:
        described = replace(described, data=f"own shapes ({expanded(args.test).name})")
    return report_test(described, compared, answers, write)
