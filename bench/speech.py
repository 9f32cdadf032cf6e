"""Transcriptions through the hub, beside faster-whisper called by a program of its own.

Both run the same weights, threads and search, and leave out silence in the same way. They take
turns file by file, or four files by four. A figure is the real-time factor: seconds of work for a
second of sound, or of all processors together.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import numpy as np
import psutil

from bench.beside import Read, Side, least, program
from bench.report import Figure
from tests.server import running_server
from tests.sound import AUSTEN, RATE, austen, encoded, samples

MODEL, FILES = "whisper-base", 20
NAMES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
BOUND = 1.05
TIMEOUT = aiohttp.ClientTimeout(total=600)

PROGRAM = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from faster_whisper import WhisperModel
orders = json.loads(sys.stdin.readline())
model = WhisperModel(
    orders["weights"], device="cpu", compute_type="int8", cpu_threads=orders["threads"]
)
def hear(path):
    segments, _ = model.transcribe(path, language="en", beam_size=5, vad_filter=True)
    return "".join(segment.text for segment in segments)
with ThreadPoolExecutor(4) as pool:
    print("[]", flush=True)
    for line in sys.stdin:
        print(json.dumps(list(pool.map(hear, json.loads(line)))), flush=True)
"""


async def measure(weights: Path, rounds: int) -> list[Figure]:
    """The figures of this part. `weights` is a weights directory with the starter models."""
    with tempfile.TemporaryDirectory() as directory, running_server(weights) as server:
        files, seconds = recordings(Path(directory))
        orders = {"weights": directory, "threads": psutil.cpu_count(logical=False) or 1}
        for name in NAMES:
            (Path(directory) / name).symlink_to(weights / f"{MODEL}.{name}")
        async with (
            program(PROGRAM, orders) as direct,
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
        ):
            read = hub(session, server.url, server.admin_key)
            sides = (Side(read, psutil.Process(server.process.pid)), direct)
            return [
                each
                for at_once in (1, 4)
                for each in await figures(files, seconds, at_once, sides, rounds)
            ]


def recordings(directory: Path) -> tuple[list[Path], float]:
    """Files of two sentences each, none like another, and how long all of them last."""
    clips = [samples(austen(name)) for name in AUSTEN]
    files, length = [], 0
    for number in range(FILES):
        first, second = clips[number % 5], clips[(number + 1 + number // 5) % 5]
        sound = np.concatenate([first, second])
        path = directory / f"{number}.flac"
        path.write_bytes(encoded(sound, "flac"))
        files.append(path)
        length += len(sound)
    return files, length / RATE


async def figures(
    files: list[Path], seconds: float, at_once: int, sides: tuple[Side, Side], rounds: int
) -> list[Figure]:
    """Of the time, and of the processors."""
    batches = [files[start : start + at_once] for start in range(0, len(files), at_once)]
    (through, used), (direct, used_directly) = await least(batches, sides, rounds) / seconds
    what = f"speech, {FILES} files" + (f", {at_once} at once" if at_once > 1 else "")
    kept = bool(through <= BOUND * direct)
    return [
        Figure(what, through, direct, "s/s", f"<= {BOUND}", kept),
        Figure(f"{what}: processors", used, used_directly, "s/s", "none", kept=True),
    ]


def hub(session: aiohttp.ClientSession, url: str, key: str) -> Read:
    async def one(path: Path) -> str:
        form = aiohttp.FormData({"model": MODEL, "language": "en"})
        form.add_field("file", path.read_bytes(), filename=path.name)
        async with session.post(
            f"{url}/v2/audio/transcriptions",
            data=form,
            headers={"Authorization": f"Bearer {key}"},
        ) as answer:
            answer.raise_for_status()
            text: str = (await answer.json())["text"]
            return text

    async def all_of(paths: Sequence[Path]) -> list[str]:
        return await asyncio.gather(*(one(path) for path in paths))

    return all_of
