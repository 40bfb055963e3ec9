"""Temperatures and the calibration error."""

import math

import numpy as np
import pytest
import torch

from pointclip.errors import InputError
from zeroshot_cls.calibration import calibration_error, fit, note_of, read_calibration, write_calibration
from zeroshot_cls.classifier import cosine_margins


def random_samples(temperature: float, n: int = 4000):
    """Logits, and labels that are drawn from their softmax at a temperature."""
    g = torch.Generator().manual_seed(0)
    logits = 20 * torch.randn(n, 5, generator=g)
    labels = torch.multinomial((logits / temperature).softmax(1), 1, generator=g)[:, 0]
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 7.0, 40.0])
def test_fit_recovers_the_true_temperature(temperature):
    """To 10 %: the labels are a sample."""
    logits, labels = random_samples(temperature)
    found = fit(logits, labels, "toy (val)", "tiny")
    assert found.temperature == pytest.approx(temperature, rel=0.1)
    assert found.error_after < 2.5  # percent, of 4,000 labels in 15 bins
    assert found.error_after <= found.error_before + 0.5


def test_the_calibration_error_is_the_gap_of_confidence_and_accuracy():
    sure = torch.tensor([[0.9, 0.1]]).expand(10, 2)
    assert calibration_error(sure, torch.zeros(10, dtype=torch.long)) == pytest.approx(10)
    half = torch.tensor([0] * 5 + [1] * 5)
    assert calibration_error(sure, half) == pytest.approx(40)
    both = torch.cat([sure, torch.tensor([[0.4, 0.6]]).expand(10, 2)])
    assert calibration_error(both, torch.cat([half, half])) == pytest.approx((40 + 10) / 2)


def test_shapes_of_unknown_class_are_ignored():
    logits, labels = random_samples(7.0, 200)
    partly = torch.cat([labels, torch.full((50,), -1)])
    assert fit(torch.cat([logits, logits[:50]]), partly, "toy", "tiny") == fit(logits, labels, "toy", "tiny")
    with pytest.raises(InputError, match="known class"):
        fit(logits, torch.full((200,), -1), "toy", "tiny")
    with pytest.raises(InputError, match="All 200 shapes of toy are classified correctly"):
        fit(logits, logits.argmax(1), "toy", "tiny")


def test_calibration_file_round_trip(tmp_path):
    found = fit(*random_samples(7.0, 200), "toy (val)", "tiny", ["night_stand", "sofa", "a", "b", "c"])
    write_calibration(tmp_path / "c.yaml", found)
    assert read_calibration(tmp_path / "c.yaml") == found
    assert found.covers(["Night stand", "sofa"], "tiny, fp32")
    for names, encoder in ((["sofa", "boat"], "tiny, fp32"), (["sofa"], "tiny 2, fp32")):
        assert not found.covers(names, encoder)
        assert note_of(found, names, encoder).startswith("Probabilities are not calibrated here")
    assert note_of(found, ["boat"], "tiny, fp32").endswith("was found without boat.")
    for text in ("[1]", "temperature: 1", (tmp_path / "c.yaml").read_text().replace("temperature: ", "temperature: -")):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(InputError, match=r"CALIBRATION .*bad\.yaml"):
            read_calibration(tmp_path / "bad.yaml")


def test_margins_are_in_mean_cosine():
    cosines = torch.tensor([[0.30, 0.25, 0.1]])
    logits = 100 / math.sqrt(10) * 10 * cosines  # ten views alike, equal weights
    assert cosine_margins(logits, 10).item() == pytest.approx(0.05, abs=1e-6)
    assert np.isnan(cosine_margins(logits[:, :1], 10)).all()
