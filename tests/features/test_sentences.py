"""The cache of text features: keys, integrity, and limited size."""

import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor, SentenceCache
from pointclip.features.sentences import DAY, _checksum, fingerprint_of_text_tower
from pointclip.utils.caches import SENTENCES_FILE, sentence_cache_folder

SENTENCES = {"chair": ["a chair", "a seat with a back"], "table": ["a table", "a chair"]}


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return load_encoder("tiny-vit", None, precision="fp32")


@pytest.fixture
def cache(tmp_path, encoder):
    return SentenceCache(tmp_path, encoder)


def extractor(encoder, cache=None):
    return FeatureExtractor(torch.nn.Identity(), encoder, progress=False, sentence_cache=cache)


def refuse(*_):
    raise AssertionError("encoded again")


def test_cached_sentences_are_not_encoded_again(cache, encoder, monkeypatch):
    plain = extractor(encoder).sentence_features(SENTENCES)
    first = extractor(encoder, cache).sentence_features(SENTENCES)
    monkeypatch.setattr(encoder, "encode_text_batches", refuse)
    again = extractor(encoder, cache).sentence_features(SENTENCES)
    for computed, cached, expected in zip(first, again, plain, strict=True):
        assert torch.equal(computed, expected)
        assert torch.equal(cached, expected)


def test_only_missing_sentences_are_encoded(cache, encoder, monkeypatch):
    extractor(encoder, cache).sentence_features({"chair": ["a chair", "a seat"]})
    asked, encode = [], encoder.encode_text_batches
    monkeypatch.setattr(encoder, "encode_text_batches", lambda some: asked.extend(some) or encode(some))
    extractor(encoder, cache).sentence_features({"chair": ["a seat", "a stool", "a chair"]})
    assert asked == ["a stool"]


@pytest.mark.parametrize("value", ["text", None, 3, b"", b"abc", bytes(4 * 31), np.full(32, np.nan, "<f4").tobytes()])
def test_damaged_rows_are_encoded_again(cache, encoder, value):
    (plain,) = extractor(encoder, cache).sentence_features({"chair": ["a chair"]})
    key = cache._key("a chair")
    checksum = _checksum(key, value) if isinstance(value, bytes) else None
    with sqlite3.connect(cache.path) as database:
        database.execute("UPDATE features SET value = ?, checksum = ?", (value, checksum))
    (again,) = extractor(encoder, cache).sentence_features({"chair": ["a chair"]})
    assert torch.equal(again, plain)
    assert list(cache.load(["a chair"])) == ["a chair"]


def test_interrupted_encoding_resumes(cache, encoder, monkeypatch):
    sentences, encode = {"things": [f"a thing {i}" for i in range(20)]}, encoder.encode_text_batches

    def stopped(some):
        yield next(encode(some, batch_size=8))
        raise KeyboardInterrupt

    monkeypatch.setattr(encoder, "encode_text_batches", stopped)
    with pytest.raises(KeyboardInterrupt):
        extractor(encoder, cache).sentence_features(sentences)
    assert len(cache.load(sentences["things"])) == 8


def test_entries_depend_on_weights_precision_and_model(encoder):
    torch.manual_seed(1)
    others = [load_encoder("tiny-vit", None, precision="fp32"), load_encoder("tiny-resnet", None, precision="fp32")]
    others += [load_encoder("tiny-vit", None, precision="bf16")]
    assert len({fingerprint_of_text_tower(one) for one in [encoder, *others]}) == 4


def test_entries_do_not_depend_on_the_image_tower(encoder):
    before = fingerprint_of_text_tower(encoder)
    encoder.model.visual.proj.data += 1
    assert fingerprint_of_text_tower(encoder) == before
    encoder.model.visual.proj.data -= 1


def change(path: Path, statement: str) -> None:
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()


@pytest.mark.parametrize(
    "statement", ["UPDATE features SET value = zeroblob(128)", "UPDATE features SET value = substr(value, 1, 64)"]
)
def test_damaged_entry_is_ignored(statement, cache):
    cache.save(["a", "b"], torch.rand(2, 32))
    change(cache.path, statement)
    assert cache.load(["a", "b"]) == {}


@pytest.mark.parametrize("place", [0, 4096])
def test_damaged_database_is_recreated(place, cache, encoder):
    features = torch.rand(200, 32)
    names = [str(i) for i in range(200)]
    cache.save(names, features)
    content = bytearray(cache.path.read_bytes())
    content[place : place + 4096] = bytes(range(256)) * 16
    cache.path.write_bytes(content)
    assert len(cache.load(names)) < 200
    cache.save(names, features)
    kept = SentenceCache(cache.path.parent, encoder).load(names)
    assert len(kept) == 200
    assert torch.equal(torch.stack([kept[name] for name in names]), features)


def test_least_recently_used_entries_are_removed(tmp_path, encoder):
    cache = SentenceCache(tmp_path, encoder, max_bytes=400_000)
    old = [f"old {i}" for i in range(1000)]
    cache.save(old, torch.rand(1000, 32))
    change(cache.path, f"UPDATE features SET used = used - {3 * DAY}")
    assert len(cache.load(old[:10])) == 10  # used today
    cache.save([f"new {i}" for i in range(1400)], torch.rand(1400, 32))
    assert cache.path.stat().st_size < 1_000_000
    assert len(cache.load(old[:10])) == 10
    assert len(cache.load(old)) < 900
    assert len(cache.load([f"new {i}" for i in range(1400)])) == 1400


def test_non_finite_features_are_rejected(cache):
    with pytest.raises(InputError, match="not finite"):
        cache.save(["a"], torch.full((1, 32), torch.nan))


def test_one_warning_for_an_unusable_folder(tmp_path, encoder):
    (tmp_path / "file").write_text("")
    cache = SentenceCache(tmp_path / "file" / "below", encoder)
    with pytest.warns(UserWarning, match="cannot be cached"):
        cache.save(["a"], torch.rand(1, 32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cache.load(["a"]) == {}


WRITER = """
import sys, torch
from pointclip.encoder import load_encoder
from pointclip.features import SentenceCache
torch.manual_seed(0)
cache = SentenceCache(sys.argv[1], load_encoder("demo", precision="fp32"))
for i in range(50):
    cache.save([f"{k} {i}" for k in range(20)], torch.full((20, 128), float(i)))
"""


@pytest.mark.slow
def test_concurrent_writers(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    kept = SentenceCache(tmp_path, load_encoder("demo", precision="fp32")).load(
        [f"{k} {i}" for k in range(20) for i in range(50)]
    )
    assert len(kept) == 1000
    assert all((kept[f"3 {i}"] == i).all() for i in range(50))


def test_waits_for_a_lock(cache):
    cache.save(["a"], torch.rand(1, 32))
    holder = sqlite3.connect(cache.path, check_same_thread=False, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    release = threading.Thread(target=lambda: (time.sleep(0.3), holder.execute("COMMIT")))
    release.start()
    assert len(cache.load(["a"])) == 1
    release.join()
    holder.close()


def test_location(tmp_path, monkeypatch):
    monkeypatch.setenv("POINTCLIP_CACHE", str(tmp_path))
    assert sentence_cache_folder("auto") == tmp_path
    assert sentence_cache_folder("none") is None
    assert sentence_cache_folder("~/here") == Path.home() / "here"
    assert SENTENCES_FILE.endswith(".sqlite")
