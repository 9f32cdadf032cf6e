"""A Stable Diffusion of a few megabytes with random weights: it paints noise, by every rule."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


def made_model(directory: Path) -> Path:
    """The model, in this directory. Without the extra `images` there is none to test."""
    if find_spec("torch") is None or find_spec("diffusers") is None:
        pytest.skip("the extra `images` is not installed")
    # A process of its own: these libraries warn as they like, and take much memory.
    subprocess.run([sys.executable, __file__, str(directory)], check=True)
    return directory


def build(directory: Path) -> None:
    import torch
    from diffusers import (
        AutoencoderKL,
        PNDMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(7)
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=32,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=8,
        norm_num_groups=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(16, 32),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
    )
    words = [*map(chr, range(33, 127)), *(f"{chr(code)}</w>" for code in range(33, 127))]
    vocabulary = {word: number for number, word in enumerate([*words, "<|startoftext|>"])}
    vocabulary["<|endoftext|>"] = len(vocabulary)
    text = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        max_position_embeddings=77,
        projection_dim=32,
        bos_token_id=len(vocabulary) - 2,
        eos_token_id=len(vocabulary) - 1,
        pad_token_id=len(vocabulary) - 1,
    )
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77),
        unet=unet,
        scheduler=PNDMScheduler(skip_prk_steps=True, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(str(directory))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
