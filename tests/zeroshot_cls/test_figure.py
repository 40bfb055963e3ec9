"""The picture of V1's and V2's depth maps and similarity maps: its content, and errors for bad input."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from torch import nn

from pointclip.bundled import prompt_files
from pointclip.datasets.synthetic import generate
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from pointclip.prompts import open_prompts
from zeroshot_cls import figure as command
from zeroshot_cls.similarity_maps import Comparison, SimilarityMap, overlay, patch_grid, similarity_figure, upsample


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(3)
    return load_encoder("tiny-vit", None, precision="fp32")


@pytest.fixture
def draw(encoder, tmp_path, monkeypatch):
    """Run main() with a tiny encoder, few points and the template; returns the picture's path."""
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)

    def draw(*words: object, name: str = "picture.png") -> Path:
        settings = ["DATASET.NUM_POINTS", "64", "PROMPTS.FILE", ""]
        return command.main([*map(str, words), *settings, "--output", str(tmp_path / name)])

    return draw


@pytest.fixture
def chair(tmp_path) -> Path:
    path = tmp_path / "chair-07.npy"
    np.save(path, generate("chair", 5, 80).points)
    return path


class BrightnessEncoder(nn.Module):
    """An encoder whose patches are bright where the image is: feature (mean brightness, 1), unit length."""

    name, device = "made up", torch.device("cpu")

    def encode_patches(self, images: torch.Tensor) -> torch.Tensor:
        bright = torch.nn.functional.avg_pool2d(images[:, 0], 56).flatten(1)  # [n, 16]
        return nn.functional.normalize(torch.stack([bright, torch.ones_like(bright)], -1), dim=-1)

    def encode_text_batches(self, sentences: list[str], batch_size: int = 256):
        yield torch.arange(len(sentences)), torch.tensor([[1.0, 0.0]]).expand(len(sentences), -1)


def test_patch_grid_is_row_major():
    values = np.zeros(12 * 12, dtype=np.float32)
    values[2 * 12 + 9] = 1  # third row, tenth column
    full = upsample(patch_grid(values), 120)
    assert np.unravel_index(full.argmax(), full.shape) in [(row, column) for row in (24, 25) for column in (94, 95)]
    assert full[:10].max() == full[:, :80].max() == full[40:].max() == 0
    assert full[24, 94] == pytest.approx(0.9025)  # half a pixel off the patch's middle, in rows and in columns


def test_similarity_is_aligned_with_the_image():
    """The fake encoder prefers V1's bright points and V2's bright background."""
    slab = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.2, 1.6, 0.2])
    slab -= slab.mean(0)  # a post: upright in the middle
    seen = command.compare("post", slab, (["a"], ["b"]), 0, BrightnessEncoder())
    middle = (seen.v1.similarity[1:3, 1:3].mean(), seen.v2.similarity[:, 1:3].mean())
    edge = (seen.v1.similarity[:, [0, 3]].mean(), seen.v2.similarity[:, [0, 3]].mean())
    assert middle[0] > edge[0] + 0.05
    assert middle[1] < edge[1] - 0.05
    assert seen.v1.image[:, 112].any()
    assert not seen.v1.image[112, :40].any()


@pytest.mark.parametrize("side", range(4))
def test_shape_is_upright_and_both_versions_see_the_same_side(side):
    """An arm on top of a post stays on top, and points to the same side in both images."""
    rng = np.random.default_rng(0)
    along = rng.random((600, 1)) * (0.5, 0, 0.5)  # between x and z: seen across from every side
    arm = along + rng.random((600, 3)) * 0.1 + (0, 0.9, 0)
    points = np.concatenate([rng.random((600, 3)) * (0.1, 1, 0.1), arm]).astype(np.float32)
    seen = command.compare("x", torch.from_numpy(points), (["a"], ["b"]), side, BrightnessEncoder())
    leans = []
    for image, background in ((seen.v1.image, 0), (seen.v2.image, 1)):
        rows, columns = np.nonzero(np.abs(image - background) > 0.05)
        part = (rows - rows.min()) / np.ptp(rows)  # 0 at the top, 1 at the bottom
        top, foot = columns[part < 0.4], columns[part > 0.8]
        assert np.ptp(top) > 1.5 * np.ptp(foot)
        leans.append(top.mean() > foot.mean())
    assert leans[0] == leans[1]


@pytest.mark.parametrize("background", [0.0, 1.0])
def test_object_tints_the_scales_colours(background):
    image = np.full((8, 8), background)
    image[2:4, 2:4] = 1 - background
    tinted = overlay(SimilarityMap(image, np.full((2, 2), 0.3), ["x"]), 0.0, 1.0, background)
    plain = overlay(SimilarityMap(np.full((8, 8), 1.0) * background, np.full((2, 2), 0.3), ["x"]), 0.0, 1.0, background)
    away = np.ones((8, 8), dtype=bool)
    away[2:4, 2:4] = False
    assert np.array_equal(tinted[away], plain[away])
    lighter = tinted[2, 2].mean() > plain[2, 2].mean()
    assert lighter == (background == 0)


def test_all_maps_share_one_scale():
    low, high = np.full((2, 2), -0.25), np.full((2, 2), 0.5)
    image = np.zeros((4, 4))
    figure = similarity_figure(
        [Comparison("a", SimilarityMap(image, low, ["s"]), SimilarityMap(image, high, ["s", "t"]))], "e"
    )
    scale = figure.axes[-1]
    assert scale.get_xlim() == (-0.25, 0.5)
    maps = [axes.images[0].get_array() for axes in figure.axes[:-1]]
    assert maps[1][0, 0, 2] > maps[1][0, 0, 1]  # lowest: violet
    texts = [text.get_text() for text in figure.texts]
    assert "mean of 2 sentences:" in texts
    assert "“s”" in texts


def test_centred_maps_have_no_mean():
    points = torch.from_numpy(generate("mug", 1, 200).points)
    plain, centred = (
        command.compare("mug", points, (["a"], ["b"]), 0, BrightnessEncoder(), centred=on) for on in (False, True)
    )
    assert centred.v2.similarity.mean() == pytest.approx(0, abs=1e-6)
    assert centred.v2.similarity == pytest.approx(plain.v2.similarity - plain.v2.similarity.mean(), abs=1e-6)


def test_same_input_gives_the_same_bytes(draw, chair):
    first, second = draw(chair, name="a.png"), draw(chair, name="b.png")
    assert first.read_bytes() == second.read_bytes()
    assert b"Matplotlib" not in first.read_bytes()
    assert draw(chair, "--view", "5", name="c.png").read_bytes() != first.read_bytes()
    assert draw(chair, "--up", "z", name="d.png").read_bytes() != first.read_bytes()


def test_bundled_shapes_by_default(draw, tmp_path):
    height, width, _ = imread(io.BytesIO(draw().read_bytes())).shape
    assert width > 2 * height - 100  # three shapes side by side
    assert not [path for path in tmp_path.iterdir() if path.name != "picture.png"]


@pytest.mark.parametrize(
    ("file", "name"),
    [("night_stand_0003.off", "night stand"), ("chair.ply", "chair"), ("a/mug-2.glb", "mug"), ("007.npy", "007")],
)
def test_name_from_file(file, name):
    assert command.name_from_file(file) == name


def test_prompts_take_precedence_over_the_template():
    prompts = open_prompts(prompt_files()["synthetic"])
    both = command.figure_sentences(["chair", "teapot", "chair"], prompts, "a depth map of a {}.")
    assert both["chair"] == (["point cloud depth map of a chair."], prompts.entries["chair"])
    assert both["teapot"] == (["point cloud depth map of a teapot."], ["a depth map of a teapot."])
    assert command.figure_sentences(["teapot"], prompts, "a {}.")["teapot"][1] == ["a teapot."]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.npy"], "nowhere.npy does not exist"),
        (["{chair}", "CHAIR", "7"], "no setting CHAIR"),
        (["{chair}", "--view", "6"], "--view has '6'; expected comma-separated numbers from 0 to 5"),
        (["{chair}", "--view", "1,2"], "--view has 2 entries for 1 shapes"),
        (["{chair}", "--classes", "a,b"], "--classes has 2 entries for 1 shapes"),
        (["{chair}", "--classes", "", "ENCODER.PRECISION", "fp32"], "class name is empty"),
        (["--classes", "a"], "need shape files"),
        (["{chair}", "ENCODER.NAM", "demo"], "no setting ENCODER.NAM"),
        (["{chair}", "SEARCHED", "x.yaml"], "leave SEARCHED out"),
        (
            ["{chair}", "PROJECTION.STEPS", "densify"],
            "STEPS is 'densify', but the figure always shows the full V1 and V2",
        ),
        (["{chair}", "--output", "x.jpg"], "a name that ends in .png"),
        (["{chair}", "{chair}"], "given twice"),
        (["x.npy"] * 61, "at most 60"),
    ],
)
def test_bad_input_is_rejected_in_one_line(words, message, chair):
    with pytest.raises(InputError, match=message) as caught:
        command.main([word.replace("{chair}", str(chair)) for word in words])
    assert "\n" not in str(caught.value)


def test_cloud_without_extent_is_named(draw, tmp_path):
    np.save(tmp_path / "dot.npy", np.zeros((9, 3)))
    with pytest.raises(InputError, match=r"dot\.npy: all points coincide"):
        draw(tmp_path / "dot.npy")


def test_a_non_square_number_of_patches_is_rejected():
    with pytest.raises(InputError, match="15 patches"):
        patch_grid(np.zeros(15))


def test_encoder_without_patch_features_is_rejected(draw, encoder, chair, monkeypatch):
    monkeypatch.setattr(encoder.model, "visual", nn.Identity())
    with pytest.raises(InputError, match="which has no patch features"):
        draw(chair)


def test_script_runs_from_any_folder(tmp_path):
    words = [sys.executable, command.__file__, "no shape.ply"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no shape.ply does not exist" in done.stderr
