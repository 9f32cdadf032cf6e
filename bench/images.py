"""Pictures painted through the hub, beside diffusers called by a program of its own.

The model has random weights and is so small that the hub's share shows; both run it with the same
threads, steps, seed and size, write the same PNG file, and take turns picture by picture.
"""

import asyncio
import base64
import hashlib
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import aiohttp
import psutil

from bench.beside import Read, Side, least, program
from bench.report import Figure
from tests.engines.images.tiny import made_model
from tests.server import running_server

PICTURES, SIDE, STEPS = 10, 512, 2
# Seconds of a picture that the hub may add.
BOUND = 0.020

CONFIG = """
starter_models = false
[[models]]
id = "tiny"
type = "IMAGE"
engine = "images"
options = {{ path = "{path}", steps = {steps} }}
"""

PROGRAM = """
import hashlib, io, json, sys
orders = json.loads(sys.stdin.readline())
import torch
from diffusers import AutoPipelineForText2Image
torch.set_num_threads(orders["threads"])
pipeline = AutoPipelineForText2Image.from_pretrained(orders["path"], local_files_only=True)
pipeline.set_progress_bar_config(disable=True)
print("[]", flush=True)
def painted(path):
    with torch.inference_mode():
        [picture] = pipeline(
            prompt=open(path).read(), width=orders["side"], height=orders["side"],
            num_inference_steps=orders["steps"], guidance_scale=7.5,
            generator=torch.Generator("cpu").manual_seed(7),
        ).images
    picture.save(file := io.BytesIO(), "png")
    return hashlib.sha256(file.getvalue()).hexdigest()
for line in sys.stdin:
    print(json.dumps([painted(path) for path in json.loads(line)]), flush=True)
"""


async def measure(_: Path, rounds: int) -> list[Figure]:
    """The figures of this part. It makes its own weights."""
    if find_spec("torch") is None or find_spec("diffusers") is None:
        print("images: the extra `images` is not installed", flush=True)
        return []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        model = made_model(directory / "tiny", "deep")
        config = directory / "stellwerk.toml"
        config.write_text(CONFIG.format(path=model, steps=STEPS))
        orders = {
            "path": str(model),
            "threads": psutil.cpu_count(logical=False) or 1,
            "side": SIDE,
            "steps": STEPS,
        }
        batches = [[prompt] for prompt in prompts(directory)]
        with running_server(directory, STELLWERK_CONFIG=str(config)) as server:
            async with program(PROGRAM, orders) as direct, aiohttp.ClientSession() as session:
                read = hub(session, server.url, server.admin_key)
                assert await read(batches[0]) == await direct.read(batches[0]), "not the same"
                sides = (Side(read, psutil.Process(server.process.pid)), direct)
                found = await least(batches, sides, rounds) / PICTURES
    (through, used), (bare, used_directly) = found
    what = f"picture of {SIDE} x {SIDE}, {PICTURES} of them"
    kept = bool(through - bare <= BOUND)
    bound = f"{(through - bare) * 1000:+.1f} ms <= {BOUND * 1000:.0f}"
    return [
        Figure(what, through, bare, "s/picture", bound, kept),
        Figure("its processors", used, used_directly, "s/picture", "none", kept=True),
    ]


def prompts(directory: Path) -> list[Path]:
    files = [directory / f"{number}.txt" for number in range(PICTURES)]
    for number, file in enumerate(files):
        file.write_text(f"Signal box {number} in the snow.")
    return files


def hub(session: aiohttp.ClientSession, url: str, key: str) -> Read:
    async def one(path: Path) -> str:
        async with session.post(
            f"{url}/v2/images/generations",
            json={
                "model": "tiny",
                "prompt": path.read_text(),
                "size": f"{SIDE}x{SIDE}",
                "seed": 7,
            },
            headers={"Authorization": f"Bearer {key}"},
        ) as answer:
            answer.raise_for_status()
            made = (await answer.json())["data"][0]["b64_json"]
            return hashlib.sha256(base64.b64decode(made)).hexdigest()

    async def all_of(paths: Sequence[Path]) -> list[str]:
        return await asyncio.gather(*(one(path) for path in paths))

    return all_of
