"""A cross-encoder with random weights: a BERT of two layers that reads letters, in GGUF.

Its scores mean nothing, but they are its own: of the question and the text, and of nothing else.
"""

from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np

from tests.engines.llama.writing import Tensor, gguf, layer

WIDTH, HEADS, LAYERS, INNER, LONGEST = 64, 4, 2, 128, 512
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# A letter that begins a word has a mark, one inside it has none.
VOCABULARY = [*SPECIAL, *(f"\u2581{letter}" for letter in ascii_lowercase), *ascii_lowercase]
NORMAL, CONTROL = 1, 3


def made_reranker(path: Path, seed: int = 7) -> Path:
    """Write one."""
    path.write_bytes(gguf(_values(), _tensors(np.random.default_rng(seed))))
    return path


def _values() -> dict[str, Any]:
    return {
        "general.architecture": "bert",
        "bert.context_length": LONGEST,
        "bert.embedding_length": WIDTH,
        "bert.feed_forward_length": INNER,
        "bert.block_count": LAYERS,
        "bert.attention.head_count": HEADS,
        "bert.attention.layer_norm_epsilon": 1e-5,
        "bert.attention.causal": False,
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.tokens": VOCABULARY,
        "tokenizer.ggml.token_type": [
            CONTROL if word in SPECIAL else NORMAL for word in VOCABULARY
        ],
        "tokenizer.ggml.token_type_count": 2,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.unknown_token_id": 1,
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.cls_token_id": 2,
        "tokenizer.ggml.eos_token_id": 3,
        "tokenizer.ggml.seperator_token_id": 3,
        "tokenizer.ggml.mask_token_id": 4,
    }


def _tensors(chance: np.random.Generator) -> dict[str, Tensor]:
    def noise(*shape: int) -> Tensor:
        return chance.normal(0, 0.3, shape).astype(np.float32)

    made: dict[str, Tensor] = {
        "token_embd.weight": noise(len(VOCABULARY), WIDTH),
        "position_embd.weight": noise(LONGEST, WIDTH),
        "token_types.weight": noise(2, WIDTH),
        "cls.weight": noise(WIDTH, WIDTH),
        "cls.bias": noise(WIDTH),
        "cls.output.weight": noise(1, WIDTH),
        "cls.output.bias": noise(1),
    }
    norms = ["token_embd_norm"]
    for number in range(LAYERS):
        made |= layer(noise, f"blk.{number}", WIDTH, INNER, "attn_output")
        norms += [f"blk.{number}.attn_output_norm", f"blk.{number}.layer_output_norm"]
    for norm in norms:
        made[f"{norm}.weight"] = np.ones(WIDTH, np.float32)
        made[f"{norm}.bias"] = noise(WIDTH)
    return made
