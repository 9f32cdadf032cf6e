"""A ColQwen2 of a few hundred kilobytes with random weights: it sees nothing, by every rule."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from stellwerk.engines.pages.spec import NEEDED


def made_model(directory: Path) -> Path:
    """The model, in this directory. Without the extra `pages` there is none to test."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        pytest.skip(f"the extra `pages` is not installed: no {', '.join(missing)}")
    # A process of its own: these libraries warn as they like, and take much memory.
    subprocess.run([sys.executable, __file__, str(directory)], check=True)
    return directory


SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)


def build(directory: Path) -> None:
    import torch
    from transformers import (
        ColQwen2Config,
        ColQwen2ForRetrieval,
        ColQwen2Processor,
        Qwen2Tokenizer,
        Qwen2VLConfig,
        Qwen2VLImageProcessor,
    )

    torch.manual_seed(7)
    # The letters of byte-level BPE, without one pair of them.
    letters = [*map(chr, range(33, 127)), *map(chr, range(161, 324))]
    vocabulary = {word: number for number, word in enumerate([*letters, *SPECIAL])}
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary,
        merges=[],
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        extra_special_tokens=list(SPECIAL[1:]),
    )
    place = tokenizer.convert_tokens_to_ids
    seen = {
        "depth": 2,
        "embed_dim": 32,
        "hidden_size": 64,
        "mlp_ratio": 2,
        "num_heads": 2,
        "patch_size": 14,
        "spatial_merge_size": 2,
    }
    spoken = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "mrope_section": [4, 6, 6]},
    }
    vlm = Qwen2VLConfig(
        text_config=spoken,
        vision_config=seen,
        image_token_id=place("<|image_pad|>"),
        video_token_id=place("<|video_pad|>"),
        vision_start_token_id=place("<|vision_start|>"),
        vision_end_token_id=place("<|vision_end|>"),
    )
    config = ColQwen2Config(vlm_config=vlm.to_dict(), embedding_dim=16)
    ColQwen2ForRetrieval(config).save_pretrained(directory)
    pictures = Qwen2VLImageProcessor(
        patch_size=14, merge_size=2, size={"shortest_edge": 28 * 28, "longest_edge": 28 * 28 * 16}
    )
    ColQwen2Processor(image_processor=pictures, tokenizer=tokenizer).save_pretrained(directory)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
