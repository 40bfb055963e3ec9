"""Sentences' features kept for later runs: one database for all encoders, of bounded size, shared by all processes."""

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

FORMAT = 1  # raise it when a sentence's features change: how it becomes tokens, what of the context is read
MOST_BYTES = 1 << 30  # ViT-B/16 takes 2.1 KB a sentence: half a million of them
WAIT_SECONDS = 30  # for another process that is writing
DAY = 86_400
SCHEMA = """
CREATE TABLE IF NOT EXISTS features (key BLOB PRIMARY KEY, used INTEGER, checksum BLOB, value BLOB) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_use ON features (used);
"""


class SentenceCache:
    """Features of sentences by encoder and sentence, in one SQLite file.

    A sentence is found by what went in: the weights and layers of the text tower, their precision, the kind of device,
    and the sentence. What was not used for longest goes when the file would exceed its bound. A damaged entry is made
    anew, a damaged file begun anew. A file that cannot be used (a full disk, a lock that is never released) is
    warned of once; the run goes on without it.

    Args:
        folder: where the file is; made if need be.
        encoder: whose features these are.
        most_bytes: what the file may take.
    """

    def __init__(self, folder: str | Path, encoder: Encoder, most_bytes: int = MOST_BYTES):
        self.path, self.most_bytes = Path(folder) / SENTENCES_FILE, most_bytes
        self.encoder = fingerprint_of_text_tower(encoder)
        self.usable = True

    def load(self, sentences: Iterable[str]) -> dict[str, Tensor]:
        """The features [C] float32 of those of the sentences that are kept and sound."""
        return self._transaction(lambda database: self._load(database, dict.fromkeys(sentences))) or {}

    def _load(self, database: sqlite3.Connection, sentences: Iterable[str]) -> dict[str, Tensor]:
        kept, read, now = {}, [], int(time.time())
        for sentence in sentences:
            key = self._key(sentence)
            row = database.execute("SELECT used, checksum, value FROM features WHERE key = ?", (key,)).fetchone()
            if row and _checksum(key, row[2]) == row[1]:
                kept[sentence] = torch.from_numpy(np.frombuffer(row[2], "<f4").astype(np.float32))
                if now - row[0] > DAY:  # not at every reading
                    read.append((now, key))
        if read:
            database.executemany("UPDATE features SET used = ? WHERE key = ?", read)
        return kept

    def save(self, sentences: Sequence[str], features: Tensor) -> None:
        """Keep the features [k, C] of k sentences.

        Raises:
            InputError: for features that are not finite numbers.
        """
        if not features.isfinite().all():
            raise InputError("The encoder gave features that are not finite numbers; try ENCODER.PRECISION fp32.")
        rows, now = [], int(time.time())
        for sentence, own in zip(sentences, features.cpu().numpy().astype("<f4"), strict=True):
            key, value = self._key(sentence), own.tobytes()
            rows.append((key, now, _checksum(key, value), value))

        def insert(database: sqlite3.Connection) -> None:
            database.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?)", rows)
            _make_room(database, self.most_bytes)

        self._transaction(insert)

    def _key(self, sentence: str) -> bytes:
        return hashlib.blake2b(sentence.encode("utf-8", "surrogatepass"), digest_size=16, key=self.encoder).digest()

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """What `work` gives with the database, all or nothing; None where the database cannot be used."""
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
                f"Sentences' features cannot be kept in {self.path} ({error}); make room there, or set SENTENCE_CACHE "
                "to another folder or to none."
            )
        except sqlite3.DatabaseError:  # damaged
            remove_sentences(self.path.parent)
        return None


def _make_room(database: sqlite3.Connection, most_bytes: int) -> None:
    """Remove what was not used for longest until the entries take nine tenths of the bound."""
    taken = _bytes(database)
    if taken <= most_bytes:
        return
    entries = database.execute("SELECT count(*) FROM features").fetchone()[0]
    too_many = entries - int(entries * 0.9 * most_bytes / taken)
    oldest = "SELECT key FROM features ORDER BY used LIMIT ?"
    database.execute(f"DELETE FROM features WHERE key IN ({oldest})", (too_many,))


def _bytes(database: sqlite3.Connection) -> int:
    """What the entries take; pages that are free are used again."""
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def fingerprint_of_text_tower(encoder: Encoder) -> bytes:
    """What tells a text tower from any other: its weights, layers, precision, context, and the kind of its device."""
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
