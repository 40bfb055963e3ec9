"""Train the bundled demo encoder: a small CLIP on depth maps of synthetic shapes and sentences about them.

    python scripts/train_demo_encoder.py [--out FOLDER]

Two contrastive losses are trained jointly, each between unit features and with CLIP's learned temperature: images
against sentences about the object, in both directions as in CLIP; and patches of segmentation's images against
sentences about the parts that they show. No real data and no test seeds are used.

The first stage uses a third of each image's patches, as in FLIP (Li et al., CVPR 2023). The second, shorter one uses
full images, with patches smoothed over their neighbours as in segmentation, including background.

If interrupted, training resumes from the last checkpoint in the output folder. Every step draws its shapes from its own
seed, so interruptions do not change the result (except that sums on several threads may differ in their last bits).
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pointclip.bundled import prompt_files
from pointclip.datasets.synthetic import CATEGORIES, PART_NAMES, SyntheticShapes
from pointclip.encoder.loading import DEMO_FOLDER
from pointclip.utils.files import atomic_path
from zeroshot_cls.realistic_projection import RealisticProjection as ClassProjection
from zeroshot_seg.realistic_projection import RealisticProjection as PartProjection
from zeroshot_seg.segmenter import smoothing_matrix

PARTS = [(category, part) for category in CATEGORIES for part in PART_NAMES[category]]
PART_OWNER = torch.tensor([CATEGORIES.index(category) for category, _ in PARTS])  # [50]
FIRST_PART = {category: [c for c, _ in PARTS].index(category) for category in CATEGORIES}
CLASS_TEMPLATES = ("a depth map of a {}.", "a {}.", "point cloud depth map of a {}.", "a grey depth map of a {}.", "{}")
PART_TEMPLATES = ("the {part} of a {category}.", "a depth map of the {part} of a {category}.", "{part}", "a {part}.")
PATCH, GRID = 16, 14
STEPS, WHOLE_STEPS = 2000, 800
PER_CLASS = 1_000_000  # shapes to draw from; they are generated when drawn
KEPT_PATCHES = 72  # of 196, in the first stage
SHAPES, WHOLE_SHAPES = 32, 20  # shapes per step in the first and second stage; each gives two images


class Scenes(Dataset):
    """One training step's images: each shape is projected once as in classification and once as in segmentation."""

    def __init__(self, steps: int, whole_steps: int, start: int):
        self.steps, self.whole_steps, self.start = steps, whole_steps, start
        self.pool = SyntheticShapes(split="train", per_class=PER_CLASS)
        self.class_views = [ClassProjection(views=[view]) for view in range(10)]
        self.part_views = [PartProjection(views=[view]) for view in range(10)]

    def __len__(self) -> int:
        return self.steps + self.whole_steps - self.start

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([2023, self.start + index])
        count = SHAPES if self.start + index < self.steps else WHOLE_SHAPES
        classes = rng.permutation(np.arange(count) % len(CATEGORIES))
        images, parts = [], []
        for label in classes:
            shape = self.pool[int(rng.integers(PER_CLASS)) * len(CATEGORIES) + label]
            points, part = augment(shape.points, shape.parts, rng)
            images.append(one_view(self.class_views, points[: int(rng.integers(400, 1025))], rng)[0, :, :1])
            seen = one_view(self.part_views, points, rng)
            images.append(seen.images[0, :, :1])
            parts.append(patch_parts(seen, torch.from_numpy(part) + FIRST_PART[CATEGORIES[label]]))
        return {
            "images": torch.cat(images),  # [2 · shapes, 1, 224, 224], alternating
            "classes": torch.from_numpy(classes.repeat(2)),  # [2 · shapes]
            "parts": torch.stack(parts),  # [shapes, 196], -1 where no point is visible
        }


def one_view(projections: list, points: np.ndarray, rng: np.random.Generator):
    """Project one shape [N, 3] in a random view."""
    return projections[int(rng.integers(len(projections)))](torch.from_numpy(points)[None])


def augment(points: np.ndarray, part: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Variations found in scans and other models: proportions, pose, missing regions, density, noise."""
    points = points * rng.uniform(0.8, 1.25, 3)
    angle = rng.uniform(-math.pi, math.pi) if rng.random() < 0.4 else rng.normal(0, 0.15)
    tilt = rng.normal(0, 0.08)
    about_y = [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
    about_x = [[1, 0, 0], [0, math.cos(tilt), -math.sin(tilt)], [0, math.sin(tilt), math.cos(tilt)]]
    points = points @ (np.array(about_x) @ np.array(about_y)).T
    kept = np.ones(len(points), bool)
    if rng.random() < 0.3:  # a ball around a random point is missing
        centre = points[rng.integers(len(points))]
        distance = np.linalg.norm(points - centre, axis=1)
        kept = distance > np.quantile(distance, rng.uniform(0.02, 0.25))
    if rng.random() < 0.3:  # sparser
        kept &= rng.random(len(points)) < rng.uniform(0.3, 1)
    points, part = points[kept], part[kept]
    if rng.random() < 0.5:
        points = points + rng.normal(0, rng.uniform(0, 0.015), points.shape)
    return points.astype(np.float32), part


def patch_parts(seen, part: Tensor) -> Tensor:
    """The most common part among each patch's visible points: [196], -1 if none is visible."""
    visible = seen.visible[0, 0]
    row, column = seen.pixel[0, 0, visible].unbind(-1)
    patch = row // PATCH * GRID + column // PATCH
    votes = torch.zeros(GRID * GRID, len(PARTS)).index_put_((patch, part[visible]), torch.tensor(1.0), accumulate=True)
    count, most = votes.max(1)
    return torch.where(count > 0, most, -1)


class Sentences:
    """Draws a sentence for a class or part, from prompts/ or sometimes from a template."""

    def __init__(self):
        self.classes = json.loads(prompt_files()["synthetic"].read_text(encoding="utf-8"))
        self.parts = json.loads(prompt_files()["shapenetpart"].read_text(encoding="utf-8"))

    def of_class(self, label: int, rng: np.random.Generator) -> str:
        name = CATEGORIES[label]
        if rng.random() < 0.3:
            return str(rng.choice(CLASS_TEMPLATES)).format(name)
        return str(rng.choice(self.classes[name]))

    def of_part(self, index: int, rng: np.random.Generator) -> str:
        category, part = PARTS[index]
        if rng.random() < 0.5:
            return str(rng.choice(PART_TEMPLATES)).format(part=part, category=category)
        return str(rng.choice(self.parts[category][part]))


def encode_images(model, images: Tensor, kept: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Global and patch features of images [n, 1, 224, 224] from `kept` random patches, preferably of the object.

    Returns the images' features [n, C], the patches' [n, K, C] and their indices [n, K]; features have unit length.
    """
    visual = model.visual
    tokens = F.conv2d(images, visual.conv1.weight.sum(1, keepdim=True), stride=PATCH).flatten(2).transpose(1, 2)
    tokens = tokens + visual.positional_embedding[1:]  # [n, 196, width]
    content = (F.max_pool2d(1 - images, PATCH).flatten(1) > 0.02).float()  # [n, 196], 1 for patches with object
    index = (content + torch.rand(content.shape, generator=rng)).topk(kept, dim=1).indices  # [n, K]
    tokens = tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[-1]))
    start = (visual.class_embedding + visual.positional_embedding[0]).expand(len(tokens), 1, -1)
    tokens = visual.transformer(visual.ln_pre(torch.cat([start, tokens], dim=1)))
    features = F.normalize(visual.ln_post(tokens) @ visual.proj, dim=-1)
    return features[:, 0], features[:, 1:], index


def losses(model, tokenizer, batch: dict, sentences: Sentences, step: int, full_images: bool) -> tuple[Tensor, Tensor]:
    """The image loss and the patch loss of one batch."""
    rng = np.random.default_rng([2024, step])
    classes = batch["classes"]
    texts = [sentences.of_class(label, rng) for label in classes.tolist()]
    texts += [sentences.of_part(index, rng) for index in range(len(PARTS))]
    text = F.normalize(model.encode_text(tokenizer(texts)), dim=-1)
    of_class, of_part = text[: len(classes)], text[len(classes) :]
    kept = GRID * GRID if full_images else KEPT_PATCHES
    image, patch, index = encode_images(model, batch["images"], kept, torch.Generator().manual_seed(step))
    scale = model.logit_scale.exp()

    same = (classes[:, None] == classes[None]).float()
    target = same / same.sum(1, keepdim=True)  # all images and sentences of the same class match
    logits = scale * image @ of_class.T
    image_loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2

    patch, index = patch[1::2], index[1::2]  # every second image is from segmentation
    label = batch["parts"].gather(1, index)  # [shapes, K]
    if full_images:
        patch = smoothed_patches(patch, index)
    shape, seen = (label >= 0).nonzero(as_tuple=True)
    label = label[shape, seen]
    logits = scale * patch[shape, seen] @ of_part.T  # [seen patches, parts of all categories]
    same_category = PART_OWNER[None] == PART_OWNER[label][:, None]  # parts of the patch's category
    weight = torch.ones(len(label))
    if full_images:  # every part of a shape has the same weight, as in mIoU
        count = torch.zeros(len(patch), len(PARTS)).index_put_((shape, label), weight, accumulate=True)
        weight = 1 / count[shape, label]
    among_all = F.cross_entropy(logits, label, reduction="none")
    within_category = F.cross_entropy(logits.masked_fill(~same_category, -1e4), label, reduction="none")
    return image_loss, ((among_all / 2 + within_category) * weight).sum() / weight.sum()


def smoothed_patches(patch: Tensor, index: Tensor) -> Tensor:
    """Smooth full images' patches as in segmentation: [n, 196, C], in the order of `index`, which is kept."""
    order = index.argsort(1)[..., None].expand_as(patch)
    grid = patch.gather(1, order).unflatten(1, (GRID, GRID))
    smooth = smoothing_matrix(GRID)
    grid = torch.einsum("ij,kl,bjlc->bikc", smooth, smooth, grid).flatten(1, 2)
    return grid.gather(1, index[..., None].expand_as(grid))


def learning_rate(step: int, steps: int, whole_steps: int, peak: float) -> float:
    """Cosine schedule in both stages; the first ends above zero, the second starts at half its peak."""
    if step < steps:
        return peak * min(1, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * step / (1.3 * steps)))
    step -= steps
    return peak / 2 * min(1, (step + 1) / 20) * (0.5 + 0.5 * math.cos(math.pi * step / whole_steps))


def train(steps: int, whole_steps: int, rate: float, out: Path, threads: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    if threads:
        torch.set_num_threads(threads)
    open_clip.add_model_config(DEMO_FOLDER / "demo-clip.json")
    model = open_clip.create_model("demo-clip")
    tokenizer = open_clip.get_tokenizer("demo-clip")
    decayed = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}], lr=rate, betas=(0.9, 0.98)
    )
    checkpoint, start = out / "checkpoint.pt", 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["step"]
    sentences, recent = Sentences(), []
    loader = DataLoader(Scenes(steps, whole_steps, start), batch_size=None, num_workers=1, prefetch_factor=4)
    for step, batch in enumerate(tqdm(loader, initial=start, total=steps + whole_steps, mininterval=10), start=start):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, whole_steps, rate)
        image_loss, part_loss = losses(model, tokenizer, batch, sentences, step, full_images=step >= steps)
        optimizer.zero_grad()
        (image_loss + part_loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))
        recent.append((image_loss.item(), part_loss.item()))
        if (step + 1) % 100 == 0 or step + 1 == steps + whole_steps:
            tqdm.write(f"step {step + 1}: image {np.mean(recent, 0)[0]:.3f}, parts {np.mean(recent, 0)[1]:.3f}")
            recent = []
            with atomic_path(checkpoint) as path:
                torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}, path)
    with atomic_path(out / "demo-clip.safetensors") as path:
        save_file({name: value.half().contiguous() for name, value in model.state_dict().items()}, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the bundled demo encoder.")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of the first stage")
    parser.add_argument(
        "--whole-steps", type=int, default=WHOLE_STEPS, help="steps of the second stage, on full images"
    )
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument(
        "--out", type=Path, default=Path("output/demo-clip"), help="folder for the weights and a checkpoint"
    )
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0 for torch's default")
    args = parser.parse_args()
    train(args.steps, args.whole_steps, args.rate, args.out, args.threads)
