"""A projector with random weights for a model of any width: it sees nothing, by every rule.

The form is that of LLaVA: a CLIP of two layers and a perceptron, in GGUF.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tests.engines.llama.writing import Tensor, gguf, layer

SIDE, PATCH, WIDTH, HEADS, LAYERS, INNER = 56, 14, 64, 4, 2, 128


def made_projector(path: Path, embedding: int, seed: int = 7) -> Path:
    """Write one for a text model with embeddings of this width."""
    path.write_bytes(gguf(_values(embedding), _tensors(embedding, np.random.default_rng(seed))))
    return path


def _values(embedding: int) -> dict[str, Any]:
    return {
        "general.architecture": "clip",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": True,
        "clip.vision.image_size": SIDE,
        "clip.vision.patch_size": PATCH,
        "clip.vision.embedding_length": WIDTH,
        "clip.vision.feed_forward_length": INNER,
        "clip.vision.projection_dim": embedding,
        "clip.vision.block_count": LAYERS,
        "clip.vision.attention.head_count": HEADS,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }


def _tensors(embedding: int, chance: np.random.Generator) -> dict[str, Tensor]:
    def noise(*shape: int) -> Tensor:
        return chance.normal(0, 0.2, shape).astype(np.float32)

    made: dict[str, Tensor] = {
        "v.class_embd": noise(WIDTH),
        "v.patch_embd.weight": noise(WIDTH, 3, PATCH, PATCH),
        "v.position_embd.weight": noise((SIDE // PATCH) ** 2 + 1, WIDTH),
        "mm.0.weight": noise(embedding, WIDTH),
        "mm.0.bias": noise(embedding),
        "mm.2.weight": noise(embedding, embedding),
        "mm.2.bias": noise(embedding),
    }
    for norm in ("pre_ln", *(f"blk.{n}.ln{k}" for n in range(LAYERS) for k in (1, 2))):
        made[f"v.{norm}.weight"] = np.ones(WIDTH, np.float32)
        made[f"v.{norm}.bias"] = noise(WIDTH)
    for number in range(LAYERS):
        made |= layer(noise, f"v.blk.{number}", WIDTH, INNER, "attn_out")
    return made
