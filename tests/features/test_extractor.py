"""Features of sentences and of shapes."""

import pytest
import torch

from pointclip import FeatureExtractor, load_encoder
from pointclip.datasets.batches import BatchReader
from pointclip.datasets.synthetic import SyntheticShapes
from pointclip.errors import InputError
from pointclip.features import extractor as module
from zeroshot_cls.realistic_projection import RealisticProjection


@pytest.fixture(scope="module")
def extractor():
    return FeatureExtractor(
        RealisticProjection(views=[0, 1]), load_encoder("tiny-vit", None, precision="fp32"), progress=False
    )


def test_class_features_are_the_mean_of_unit_features(extractor):
    sentences = {"chair": ["a chair.", "a seat with a back."], "table": ["a table."]}
    each = extractor.encoder.encode_text(["a chair.", "a seat with a back.", "a table."])
    expected = torch.stack([(each[0] + each[1]) / (each[0] + each[1]).norm(), each[2]])
    torch.testing.assert_close(extractor.class_features(sentences), expected)
    assert [len(group) for group in extractor.sentence_features(sentences)] == [2, 1]


def test_view_features_match_single_views(extractor):
    shapes = SyntheticShapes(per_class=1, num_points=64)
    batches = list(extractor.view_features(BatchReader(shapes, 2, indices=[0, 5, 3])))
    assert [batch.indices for batch, _ in batches] == [[0, 5], [3]]
    images = extractor.projection(torch.from_numpy(shapes[3].points)[None])
    views = torch.stack([extractor.encoder.encode_images(images[:, view])[0] for view in range(2)])
    # 1e-5 of unit features: float32 products of other batch sizes
    torch.testing.assert_close(batches[1][1][0], views, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("seconds", "brief", "times"), [(0, 0, 6), (1000, 0, 1), (1000, 1000, 0)])
def test_free_memory_is_handed_back_from_time_to_time_and_at_the_end(seconds, brief, times, extractor, monkeypatch):
    calls = []
    monkeypatch.setattr(module, "BRIEF", brief)
    monkeypatch.setattr(module, "HAND_BACK_EVERY", seconds)
    monkeypatch.setattr(module.memory, "hand_back", lambda: calls.append("again"))
    shapes = SyntheticShapes(per_class=1, num_points=64)
    assert len(list(extractor.view_features(BatchReader(shapes, 1, indices=list(range(5)))))) == 5
    assert len(calls) == times


def test_no_shapes_is_an_error(extractor):
    with pytest.raises(InputError, match="No shape is left"):
        list(extractor.view_features(BatchReader(SyntheticShapes(per_class=1, num_points=64), 2, indices=[])))
