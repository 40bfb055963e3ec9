"""A cache of text features: one database for all encoders, of bounded size, shared by all processes."""

import hashlib
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.utils.caches import SENTENCES_FILE, remove_sentences

T = TypeVar("T")

FORMAT = 1  # increment when features change, such as by tokenization or context length
MAX_BYTES = 1 << 30  # half a million sentences of ViT-B/16, at 2.1 KB each
WAIT_SECONDS = 30  # for another process that is writing
DAY = 86_400
SCHEMA = """
CREATE TABLE IF NOT EXISTS features (key BLOB PRIMARY KEY, used INTEGER, checksum BLOB, value BLOB) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_use ON features (used);
"""


class SentenceCache:
    """Features of sentences by encoder and sentence, in one SQLite file.

    Entries are keyed by the text tower's weights, layers and precision, the type of device, and the sentence. If the
    file would exceed its limit, the least recently used entries are removed. Damaged entries are recomputed; a damaged
    file is started again. If the file cannot be used (a full disk, a lock that is never released), a warning is given
    once and the run continues without it.

    Args:
        folder: of the file; created if needed.
        encoder: the encoder of the features.
        max_bytes: maximum size of the file.
    """

    def __init__(self, folder: str | Path, encoder: Encoder, max_bytes: int = MAX_BYTES):
        self.path, self.max_bytes = Path(folder) / SENTENCES_FILE, max_bytes
        self.encoder = fingerprint_of_text_tower(encoder)
        self.width: int | None = getattr(encoder.model.visual, "output_dim", None)  # some models do not say
        self.usable = True

    def load(self, sentences: Iterable[str]) -> dict[str, Tensor]:
        """The features [C] float32 of those sentences that are cached and intact."""
        return self._transaction(lambda database: self._load(database, dict.fromkeys(sentences))) or {}

    def _load(self, database: sqlite3.Connection, sentences: Iterable[str]) -> dict[str, Tensor]:
        cached, read, now = {}, [], int(time.time())
        for sentence in sentences:
            key = self._key(sentence)
            row = database.execute("SELECT used, checksum, value FROM features WHERE key = ?", (key,)).fetchone()
            if row and (feature := self._feature(key, *row[1:])) is not None:
                cached[sentence] = feature
                if type(row[0]) is int and now - row[0] > DAY:  # not on every read
                    read.append((now, key))
        if read:
            database.executemany("UPDATE features SET used = ? WHERE key = ?", read)
        return cached

    def _feature(self, key: bytes, checksum: object, value: object) -> Tensor | None:
        """The feature [C] of a row; None for one that is damaged, whatever is in its columns."""
        if not isinstance(value, bytes) or not value or len(value) % 4 or _checksum(key, value) != checksum:
            return None
        if self.width and len(value) != 4 * self.width:
            return None
        feature = torch.from_numpy(np.frombuffer(value, "<f4").astype(np.float32))
        return feature if bool(feature.isfinite().all()) else None

    def save(self, sentences: Sequence[str], features: Tensor) -> None:
        """Cache the features [k, C] of k sentences.

        Raises:
            InputError: for features that are not finite.
        """
        if not features.isfinite().all():
            raise InputError("The encoder returned features that are not finite; try ENCODER.PRECISION fp32.")
        rows, now = [], int(time.time())
        for sentence, feature in zip(sentences, features.cpu().numpy().astype("<f4"), strict=True):
            key, value = self._key(sentence), feature.tobytes()
            rows.append((key, now, _checksum(key, value), value))

        def insert(database: sqlite3.Connection) -> None:
            database.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?)", rows)
            _make_room(database, self.max_bytes)

        self._transaction(insert)

    def _key(self, sentence: str) -> bytes:
        return hashlib.blake2b(sentence.encode("utf-8", "surrogatepass"), digest_size=16, key=self.encoder).digest()

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """The result of `work` in one transaction; None if the database cannot be used."""
        if not self.usable:
            return None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=WAIT_SECONDS)) as database, database:
                database.executescript(SCHEMA)
                return work(database)
        except (sqlite3.OperationalError, OSError) as error:  # locked, read-only, a full disk
            self.usable = False
            warnings.warn(
                f"Features of sentences cannot be cached in {self.path} ({error}); free space, or set SENTENCE_CACHE "
                "to another folder or to none."
            )
        except sqlite3.DatabaseError:  # damaged
            remove_sentences(self.path.parent)
        return None


def _make_room(database: sqlite3.Connection, max_bytes: int) -> None:
    """Remove the least recently used entries until the others take nine tenths of the limit."""
    taken = _bytes(database)
    if taken <= max_bytes:
        return
    entries = database.execute("SELECT count(*) FROM features").fetchone()[0]
    too_many = entries - int(entries * 0.9 * max_bytes / taken)
    oldest = "SELECT key FROM features ORDER BY used LIMIT ?"
    database.execute(f"DELETE FROM features WHERE key IN ({oldest})", (too_many,))


def _bytes(database: sqlite3.Connection) -> int:
    """The size of the entries; free pages are reused."""
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def fingerprint_of_text_tower(encoder: Encoder) -> bytes:
    """A fingerprint of a text tower: its weights, layers, precision, context length, and type of device."""
    model = encoder.model
    plan = f"{FORMAT} {encoder.architecture} {encoder.precision} {encoder.context_length} {encoder.device.type} {model}"
    digest = hashlib.blake2b(plan.encode(), digest_size=32)
    for name, tensor in sorted(model.state_dict().items()):
        if not name.startswith("visual."):
            content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
            digest.update(f"{name} {content.nbytes} ".encode())
            digest.update(content)
    return digest.digest()


def _checksum(key: bytes, value: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=8, key=key).digest()
