"""Weights as Hugging Face's CLIPModel names them, turned into OpenAI's layout."""

import re
from pathlib import Path

import torch
from torch import Tensor

from pointclip.errors import InputError

SINGLE = {
    "logit_scale": "logit_scale",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",  # spelt so there
    "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
    "vision_model.post_layernorm.weight": "visual.ln_post.weight",
    "vision_model.post_layernorm.bias": "visual.ln_post.bias",
}
TURNED = {"text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj"}  # their transposes
IN_LAYERS = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
TOWERS = {"text_model": "transformer", "vision_model": "visual.transformer"}


def from_hugging_face(weights: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """CLIPModel's weights under OpenAI's names; queries, keys and values joined to one matrix.

    Raises:
        InputError: for a tensor whose name CLIPModel does not have, or a layer that lacks one.
    """
    converted: dict[str, Tensor] = {}
    joined: dict[str, dict[str, Tensor]] = {}
    for name, value in weights.items():
        layer = re.fullmatch(r"(text_model|vision_model)\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
        if name in SINGLE:
            converted[SINGLE[name]] = value
        elif name in TURNED:
            converted[TURNED[name]] = value.T.contiguous()
        elif layer and re.fullmatch(r"self_attn\.[qkv]_proj", layer[3]):
            own = f"{TOWERS[layer[1]]}.resblocks.{layer[2]}.attn.in_proj_{layer[4]}"
            joined.setdefault(own, {})[layer[3][-6]] = value
        elif layer and layer[3] in IN_LAYERS:
            converted[f"{TOWERS[layer[1]]}.resblocks.{layer[2]}.{IN_LAYERS[layer[3]]}.{layer[4]}"] = value
        elif not name.endswith("embeddings.position_ids"):  # 0, 1, 2, …
            raise InputError(f"The weights file {path} is in CLIPModel's layout, but has {name}, which that lacks.")
    for own, parts in joined.items():
        if set(parts) != set("qkv") or len({part.shape for part in parts.values()}) > 1:
            raise InputError(f"The weights file {path} is in CLIPModel's layout, but lacks part of {own}.")
        converted[own] = torch.cat([parts[part] for part in "qkv"])
    return converted
