"""Transcriptions through the hub, beside faster-whisper called by a program of its own.

The two take turns file by file, or four files by four, so that both meet the same machine; both run
the same weights, threads and search, and leave out silence in the same way. A figure is the
real-time factor: seconds of work for a second of sound.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import psutil

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

Heard = Callable[[Sequence[Path]], Awaitable[list[str]]]


async def measure(weights: Path, rounds: int) -> list[Figure]:
    """The figures of this part. `weights` is a weights directory with the starter models."""
    with tempfile.TemporaryDirectory() as directory, running_server(weights) as server:
        files, seconds = recordings(Path(directory))
        async with (
            bare(weights, Path(directory)) as direct,
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
        ):
            through = hub(session, server.url, server.admin_key)
            return [
                await figure(files, seconds, at_once, through, direct, rounds) for at_once in (1, 4)
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


async def figure(
    files: list[Path], seconds: float, at_once: int, through: Heard, direct: Heard, rounds: int
) -> Figure:
    took = [0.0, 0.0]
    batches = [files[start : start + at_once] for start in range(0, len(files), at_once)]
    # The first ones load the model.
    await through(batches[0])
    await direct(batches[0])
    for turn in range(rounds):
        for number, batch in enumerate(batches):
            order = [(0, through), (1, direct)]
            for place, hears in order if (number + turn) % 2 else reversed(order):
                began = time.perf_counter()
                texts = await hears(batch)
                took[place] += time.perf_counter() - began
                assert all(texts), texts
    factors = [all_of_it / (seconds * rounds) for all_of_it in took]
    what = f"speech, {FILES} files" + (f", {at_once} at once" if at_once > 1 else "")
    kept = factors[0] <= BOUND * factors[1]
    return Figure(what, factors[0], factors[1], "s/s", f"<= {BOUND}", kept)


def hub(session: aiohttp.ClientSession, url: str, key: str) -> Heard:
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


@asynccontextmanager
async def bare(weights: Path, directory: Path) -> AsyncIterator[Heard]:
    """faster-whisper in a process of its own, with as many threads as the hub's engine has."""
    for name in NAMES:
        (directory / name).symlink_to(weights / f"{MODEL}.{name}")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    requests, answers = process.stdin, process.stdout
    threads = psutil.cpu_count(logical=False) or 1
    requests.write(json.dumps({"weights": str(directory), "threads": threads}).encode() + b"\n")
    assert await answers.readline() == b"[]\n"

    async def hear(paths: Sequence[Path]) -> list[str]:
        requests.write(json.dumps([str(path) for path in paths]).encode() + b"\n")
        texts: list[str] = json.loads(await answers.readline())
        return texts

    try:
        yield hear
    finally:
        requests.close()
        await process.wait()
