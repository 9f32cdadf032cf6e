"""Models of a few megabytes with random weights: they paint noise, by every rule."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest


def made_model(directory: Path, kind: str = "sd") -> Path:
    """The model, in this directory. Without the extra `images` there is none to test."""
    if find_spec("torch") is None or find_spec("diffusers") is None:
        pytest.skip("the extra `images` is not installed")
    # A process of its own: these libraries warn as they like, and take much memory.
    subprocess.run([sys.executable, __file__, str(directory), kind], check=True)
    return directory


def stable_diffusion(*, checked: bool = False, levels: int = 2) -> Any:
    """With more `levels` it paints larger pictures in the same time: each halves its work."""
    from diffusers import PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel

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
    checker, extractor = strict() if checked else (None, None)
    return StableDiffusionPipeline(
        vae=decoder(4, levels),
        text_encoder=CLIPTextModel(text_config()),
        tokenizer=tokenizer(),
        unet=unet,
        scheduler=PNDMScheduler(skip_prk_steps=True, steps_offset=1),
        safety_checker=checker,
        feature_extractor=extractor,
        requires_safety_checker=checked,
    )


def stable_diffusion_3() -> Any:
    """One with a transformer in the place of the U-Net, and three encoders of texts."""
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        StableDiffusion3Pipeline,
    )
    from transformers import CLIPTextModelWithProjection, T5Config, T5EncoderModel, T5Tokenizer

    letters = [
        ("\N{LOWER ONE EIGHTH BLOCK}", -2.0),
        *((chr(code), -3.0) for code in range(33, 127)),
    ]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *letters]
    t5 = T5Config(vocab_size=len(pieces), d_model=32, d_ff=37, d_kv=8, num_layers=1, num_heads=4)
    transformer = SD3Transformer2DModel(
        sample_size=32,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=32,
        pooled_projection_dim=64,
    )
    return StableDiffusion3Pipeline(
        vae=decoder(16, shift_factor=0.06, scaling_factor=1.5),
        text_encoder=CLIPTextModelWithProjection(text_config()),
        tokenizer=tokenizer(),
        text_encoder_2=CLIPTextModelWithProjection(text_config()),
        tokenizer_2=tokenizer(),
        text_encoder_3=T5EncoderModel(t5),
        tokenizer_3=T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=128),
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def strict() -> tuple[Any, Any]:
    """A safety checker that finds something in every picture."""
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    vision = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
    }
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=32))
    with torch.no_grad():
        checker.concept_embeds_weights.fill_(-2)
    size = {"height": 32, "width": 32}
    return checker, CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)


def decoder(channels: int, levels: int = 2, **more: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(*[16] * (levels - 1), 32),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        latent_channels=channels,
        norm_num_groups=8,
        sample_size=64,
        **more,
    )


def vocabulary() -> dict[str, int]:
    words = [*map(chr, range(33, 127)), *(f"{chr(code)}</w>" for code in range(33, 127))]
    return {
        word: number for number, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])
    }


def tokenizer() -> Any:
    from transformers import CLIPTokenizer

    return CLIPTokenizer(vocab=vocabulary(), merges=[], model_max_length=77)


def text_config() -> Any:
    from transformers import CLIPTextConfig

    size = len(vocabulary())
    return CLIPTextConfig(
        vocab_size=size,
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        max_position_embeddings=77,
        projection_dim=32,
        bos_token_id=size - 2,
        eos_token_id=size - 1,
        pad_token_id=size - 1,
    )


KINDS: dict[str, Any] = {
    "sd": stable_diffusion,
    "sd3": stable_diffusion_3,
    "deep": lambda: stable_diffusion(levels=4),
    "checked": lambda: stable_diffusion(checked=True),
}

if __name__ == "__main__":
    import torch

    torch.manual_seed(7)
    KINDS[sys.argv[2]]().save_pretrained(sys.argv[1])
