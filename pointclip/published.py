"""Which of the paper's sentences and view weights serve a data set and an encoder."""

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
    """The names of published sets: that of a data set and that of an encoder, such as "modelnet40_vit_b16".

    Attributes:
        data: DATASET.NAME -> the data set whose published sentences and view weights serve it.
        encoders: ENCODER.NAME -> its name in the published files.
    """

    data: Mapping[str, str]
    encoders: Mapping[str, str]

    def name(self, settings: CfgNode, setting: str) -> str:
        """The set for the settings' data set and encoder; `setting` is what asks for it.

        Raises:
            InputError: where nothing is published.
        """
        data, encoder = settings.DATASET.NAME, settings.ENCODER.NAME
        for value, known, what in ((data, self.data, "data set"), (encoder, self.encoders, "encoder")):
            if value not in known:
                raise InputError(
                    f"{setting} is {PUBLISHED!r}, but nothing is published for the {what} {value!r}, only for "
                    f"{', '.join(known)}; set {setting} to something else."
                )
        return f"{self.data[data]}_{self.encoders[encoder]}"

    def sentences(self, settings: CfgNode) -> PromptFile:
        """The published sentences for the settings' data set and encoder, one a class or part.

        Raises:
            InputError: where none are published, or their file is not there.
        """
        return open_prompts(self._file(settings, "SEARCH.START"))

    def with_prompts(self, settings: CfgNode) -> CfgNode:
        """The settings with the file of published sentences in place of PROMPTS.FILE "published"."""
        if settings.PROMPTS.FILE != PUBLISHED:
            return settings
        return with_changes(settings, {"PROMPTS.FILE": str(self._file(settings, "PROMPTS.FILE"))})

    def with_view_weights(self, settings: CfgNode) -> CfgNode:
        """The settings with the name of the published set in place of VIEW_WEIGHTS "published"."""
        if settings.VIEW_WEIGHTS != PUBLISHED:
            return settings
        return with_changes(settings, {"VIEW_WEIGHTS": self.name(settings, "VIEW_WEIGHTS")})

    def _file(self, settings: CfgNode, setting: str) -> Path:
        return PUBLISHED_PROMPTS / f"{self.name(settings, setting)}.json"


def places_of(published: Mapping[str, list[str]], candidates: Mapping[str, Sequence[str]]) -> list[int]:
    """Where the published sentence of each class or part stands among its candidates.

    Raises:
        InputError: for a name without a published sentence, or one that is not among the candidates.
    """
    by_key = {key_of(name): group for name, group in published.items()}
    places = []
    for name, group in candidates.items():
        sentence = by_key.get(key_of(name), [None])[0]
        if sentence not in group:
            raise InputError(
                f"SEARCH.START is 'published', but the published sentence of {name!r} is not among its candidates; set "
                "PROMPTS.FILE to the published ones, which prompts/import_published.py writes to prompts/published."
            )
        places.append(list(group).index(sentence))
    return places
