"""A predictor with candidate classes, which are set once or given with a call."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.predicting.predictor import Named, Options, Predictor
from pointclip.prompts import class_sentences, given_prompts
from pointclip.runs.inputs import names_or_list

if TYPE_CHECKING:
    from typing_extensions import Unpack

Names: TypeAlias = str | Sequence[str] | Mapping[str, Sequence[str]]  # as names, one text, or names with sentences


class ClassPredictor(Predictor):
    """A predictor with candidate classes.

    Args:
        encoder: see `Predictor`.
        classes: the candidates' names, as a list or as one text "chair, sofa", or {name: [sentence, …]}. They are kept
            with their features until others are set; a call can have its own.
        options: see `Predictor`.

    Raises:
        InputError: as `Predictor` and `set_classes`.
    """

    def __init__(self, encoder: str | Encoder = "ViT-B-16", classes: Names | None = None, **options: "Unpack[Options]"):
        super().__init__(encoder, **options)
        self._classes: Named | None = None
        if classes is not None:
            self.set_classes(classes)

    @property
    def background(self) -> tuple[str, ...]:
        """Names whose features follow the classes' and that together mean none of these."""
        return ()

    def check_names(self, names: Sequence[str]) -> None:
        """Raise an InputError for names that the task has no use for."""
        raise NotImplementedError

    @property
    def classes(self) -> tuple[str, ...]:
        """The names that were set; () if none were."""
        return self._classes.names if self._classes else ()

    def set_classes(self, classes: Names) -> None:
        """Keep the classes, and the features of their sentences, for all following calls.

        Raises:
            InputError: for no name, an empty one, one given twice, or a single one; and for sentences that are none.
        """
        self._classes = self.named(classes)

    def named(self, classes: Names | None) -> Named:
        """The classes of a call: those given, or else those that were set, or all of the file of sentences."""
        if classes is None and self._classes:
            return self._classes
        prompts = given_prompts(classes) if isinstance(classes, Mapping) else self.prompts
        names = tuple(
            prompts.entries if classes is None else names_or_list(classes) if isinstance(classes, str) else classes
        )
        if wrong := [name for name in names if not isinstance(name, str)]:
            raise InputError(f"The class {wrong[0]!r} is of type {type(wrong[0]).__name__}; expected names.")
        if not names:
            raise InputError('There are no classes; give them in the call or before: ["chair", "sofa", "bench"].')
        self.check_names(names)
        sentences = class_sentences((*names, *self.background), prompts, self.settings.PROMPTS.TEMPLATE)
        return replace(self.with_features(sentences), names=names)
