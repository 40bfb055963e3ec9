"""Features cached on disk."""

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pointclip.datasets.batches import BatchReader
from pointclip.datasets.synthetic import SyntheticShapes
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor
from pointclip.features.store import FeatureStore, fingerprint_of_encoder, fingerprint_of_projection
from zeroshot_cls.realistic_projection import RealisticProjection
from zeroshot_seg.realistic_projection import RealisticProjection as SegmentationProjection

CPU = torch.device("cpu")
SHAPES = SyntheticShapes(per_class=1, num_points=64)


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("tiny-vit", None, precision="fp32")


@pytest.fixture(scope="module")
def projection():
    return RealisticProjection(views=[0, 1])


@pytest.fixture
def store(tmp_path, encoder, projection):
    return FeatureStore(tmp_path, encoder, projection)


def means(images: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"mean": images.mean((2, 3, 4)), "few": images[:, :, 0, 100, 100:103]}


def extract(store, encoder, projection, indices, encode=means) -> list[torch.Tensor]:
    reader = BatchReader(SHAPES, 4, indices=list(indices))
    batches = FeatureExtractor(projection, encoder, store, progress=False).batches(reader, encode)
    return [row for _, features in batches for row in torch.cat([features["mean"], features["few"].flatten(1)], 1)]


def test_cached_features_are_identical_and_not_recomputed(store, encoder, projection):
    first = extract(store, encoder, projection, range(8))
    plain = extract(None, encoder, projection, range(8))

    def encode(_):
        pytest.fail("these were kept")

    again = extract(store, encoder, projection, [3, 0, 5, 7, 6], encode)  # other batches, another order
    assert all(map(torch.equal, first, plain))
    assert all(torch.equal(again[place], first[i]) for place, i in enumerate([3, 0, 5, 7, 6]))


def test_interrupted_extraction_resumes(store, encoder, projection):
    encoded = []

    def encode(images):
        if len(encoded) == 8:
            raise KeyboardInterrupt
        encoded.extend(images)
        return means(images)

    with pytest.raises(KeyboardInterrupt):
        extract(store, encoder, projection, range(16), encode)
    counted = []
    extract(store, encoder, projection, range(16), lambda images: counted.extend(images) or means(images))
    assert len(counted) == 8


def test_keys_depend_on_weights_projection_and_points(tmp_path, encoder, projection, store):
    extract(store, encoder, projection, range(4))
    torch.manual_seed(5)
    clouds = [SHAPES[i].points for i in range(4)]
    assert store.load(clouds) is not None
    assert FeatureStore(tmp_path, load_encoder("tiny-vit", None, precision="fp32"), projection).load(clouds) is None
    assert FeatureStore(tmp_path, encoder, RealisticProjection(views=[1, 0])).load(clouds) is None
    assert store.load([*clouds[:3], clouds[3] + np.float32(1e-3)]) is None


def test_projection_fingerprints():
    plain = fingerprint_of_projection(RealisticProjection(), CPU)
    assert plain == fingerprint_of_projection(RealisticProjection("reference"), CPU)  # engines agree
    others = [RealisticProjection(steps=["densify", "smooth"])]
    others += [SegmentationProjection("corrected"), SegmentationProjection("published")]
    assert len({plain, *(fingerprint_of_projection(other, CPU) for other in others)}) == 4


def test_encoder_fingerprint_depends_on_every_weight(encoder):
    before = fingerprint_of_encoder(encoder)
    assert before == fingerprint_of_encoder(encoder)
    weight = encoder.model.logit_scale
    with torch.no_grad():
        weight += 1e-6
        assert fingerprint_of_encoder(encoder) != before
        weight -= 1e-6


def test_encoder_fingerprint_depends_on_the_activation(tmp_path, encoder):
    path = tmp_path / "weights.pt"
    torch.save(encoder.model.state_dict(), path)
    plain, quick = (load_encoder("tiny-vit", path, precision="fp32", quick_gelu=answer) for answer in (False, True))
    assert fingerprint_of_encoder(plain) != fingerprint_of_encoder(quick)


@pytest.mark.parametrize("damage", ["cut", "nan", "form"])
def test_damaged_file_is_replaced(store, encoder, projection, tmp_path, damage):
    first = extract(store, encoder, projection, range(2))
    path, _ = sorted(tmp_path.glob("*/*/??/*.safetensors"))
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[:40])
    else:
        kept = load_file(path)
        kept["mean"] = kept["mean"] * torch.nan if damage == "nan" else kept["mean"][:1]
        save_file(kept, path)
    assert all(map(torch.equal, extract(store, encoder, projection, range(2)), first))
    assert path.read_bytes() == whole


def kept_file(store):
    """A file of cached features, and its cloud."""
    cloud = SHAPES[0].points
    store.save([cloud], {"mean": torch.arange(6.0).reshape(1, 2, 3)})
    (path,) = store.shapes_folder.glob("??/*.safetensors")
    return path, cloud


def test_any_flipped_bit_is_detected(store):
    path, cloud = kept_file(store)
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    for place in generator.permutation(8 * len(whole))[:200]:
        data = bytearray(whole)
        data[place // 8] ^= 1 << (place % 8)
        path.write_bytes(data)
        kept = store.load([cloud])
        assert kept is None or torch.equal(kept["mean"], torch.arange(6.0).reshape(1, 2, 3))
    assert store.damaged == {path}


@pytest.mark.parametrize("change", ["renamed tensor", "file of another shape", "without checksum"])
def test_foreign_content_counts_as_damage(store, change):
    path, cloud = kept_file(store)
    if change == "file of another shape":
        store.save([SHAPES[1].points], {"mean": torch.zeros(1, 2, 3)})
        other = next(file for file in store.shapes_folder.glob("??/*.safetensors") if file != path)
        path.write_bytes(other.read_bytes())
    else:
        names = ["meaN"] if change == "renamed tensor" else ["mean"]
        save_file(dict(zip(names, load_file(path).values(), strict=True)), path)
    assert store.load([cloud]) is None
    assert store.damaged == {path}


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "fits"),
    [
        ("mean", torch.float32, (2, 3), True),
        ("mean", torch.float32, (None, 3), True),
        ("views", torch.float32, (2, 3), False),
        ("mean", torch.float16, (2, 3), False),
        ("mean", torch.float32, (2, 4), False),
        ("mean", torch.float32, (None,), False),
    ],
)
def test_names_types_and_shapes_are_checked(store, name, dtype, shape, fits):
    _, cloud = kept_file(store)
    assert (store.load([cloud], {name: (dtype, shape)}) is not None) == fits
    assert bool(store.damaged) != fits


def test_write_errors_are_reported(store, monkeypatch):
    with pytest.raises(InputError, match="not finite"):
        store.save([SHAPES[0].points], {"mean": torch.tensor([[torch.nan]])})
    with pytest.raises(InputError, match="not as many features"):
        store.save([SHAPES[0].points], {"mean": torch.zeros(2, 3)})

    def full(*_, **__):
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("pointclip.features.store.save_file", full)
    with pytest.raises(InputError, match=r"No space left on device.*set another CACHE"):
        store.save([SHAPES[0].points], {"mean": torch.zeros(1, 3)})


def test_reader_fingerprint_depends_on_points_labels_and_order():
    def fingerprint(indices, per_class=1):
        reader = BatchReader(SyntheticShapes(per_class=per_class, num_points=64), 4, indices=indices)
        list(reader)
        return reader.fingerprint

    assert fingerprint([0, 1, 2]) == fingerprint([0, 1, 2])
    assert len({fingerprint([0, 1, 2]), fingerprint([0, 2, 1]), fingerprint([0, 1]), fingerprint([0, 1, 2, 3])}) == 4
