"""The paper's sentences and view weights for a data set and an encoder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yacs.config import CfgNode

from pointclip.bundled import PUBLISHED_PROMPTS
from pointclip.config import with_changes
from pointclip.config_files import PUBLISHED
from pointclip.errors import InputError
from pointclip.prompts import PromptFile, key_of, open_prompts


@dataclass(frozen=True)
class PublishedSets:
    """The names of published sets, made of data set and encoder, such as "modelnet40_vit_b16".

    Attributes:
        data: DATASET.NAME -> the data set whose published sentences and view weights are used for it.
        encoders: ENCODER.NAME -> its name in the published files.
    """

    data: Mapping[str, str]
    encoders: Mapping[str, str]

    def name(self, settings: CfgNode, setting: str) -> str:
        """The set for the settings' data set and encoder, requested by `setting`.

        Raises:
            InputError: if there is none.
        """
        data, encoder = settings.DATASET.NAME, settings.ENCODER.NAME
        for value, known, kind in ((data, self.data, "data set"), (encoder, self.encoders, "encoder")):
            if value not in known:
                raise InputError(
                    f"{setting} is {PUBLISHED!r}, but nothing is published for the {kind} {value!r}, only for "
                    f"{', '.join(known)}; change {setting}."
                )
        return f"{self.data[data]}_{self.encoders[encoder]}"

    def sentences(self, settings: CfgNode) -> PromptFile:
        """The published sentences for the settings' data set and encoder, one per class or part.

        Raises:
            InputError: if there are none, or their file does not exist.
        """
        return open_prompts(self._file(settings, "SEARCH.START"))

    def with_prompts(self, settings: CfgNode) -> CfgNode:
        """Replace PROMPTS.FILE "published" by the file of published sentences."""
        if settings.PROMPTS.FILE != PUBLISHED:
            return settings
        return with_changes(settings, {"PROMPTS.FILE": str(self._file(settings, "PROMPTS.FILE"))})

    def with_view_weights(self, settings: CfgNode) -> CfgNode:
        """Replace VIEW_WEIGHTS "published" by the name of the published set."""
        if settings.VIEW_WEIGHTS != PUBLISHED:
            return settings
        return with_changes(settings, {"VIEW_WEIGHTS": self.name(settings, "VIEW_WEIGHTS")})

    def _file(self, settings: CfgNode, setting: str) -> Path:
        return PUBLISHED_PROMPTS / f"{self.name(settings, setting)}.json"


def published_start(
    published: Mapping[str, list[str]], candidates: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[str]], list[int]]:
    """The candidates of each class or part, including its published sentence, and the index of that sentence.

    A published sentence that is not among the candidates is appended, so that the search can start from it and ties go
    to the others. A name without a published sentence, such as lamp's last two parts, starts from its first candidate.
    """
    by_key = {key_of(name): group for name, group in published.items()}
    groups, indices = {}, []
    for name, group in candidates.items():
        sentence = by_key.get(key_of(name), group)[0]
        groups[name] = list(group) if sentence in group else [*group, sentence]
        indices.append(groups[name].index(sentence))
    return groups, indices
