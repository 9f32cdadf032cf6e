"""Transcriptions through the hub, beside faster-whisper called by a program of its own.

The two take turns file by file, or four files by four, so that both meet the same machine; both run
the same weights, threads and search, and leave out silence in the same way. A figure is the
real-time factor: seconds of work for a second of sound, or of all processors together. Of the
rounds the least counts, file by file: what else runs on the machine can only add to it.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Side:
    """What transcribes recordings, and the process that it is or starts with all its children."""

    hear: Heard
    process: psutil.Process

    async def take(self, batch: Sequence[Path]) -> tuple[float, float]:
        """Seconds, and seconds of processors."""
        before, began = self.spent(), time.perf_counter()
        texts = await self.hear(batch)
        took = time.perf_counter() - began
        assert all(texts), texts
        return took, self.spent() - before

    def spent(self) -> float:
        spent = 0.0
        for member in (self.process, *self.process.children(recursive=True)):
            # PostgreSQL's workers come and go.
            with suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                spent += times.user + times.system
        return spent


async def measure(weights: Path, rounds: int) -> list[Figure]:
    """The figures of this part. `weights` is a weights directory with the starter models."""
    with tempfile.TemporaryDirectory() as directory, running_server(weights) as server:
        files, seconds = recordings(Path(directory))
        async with (
            bare(weights, Path(directory)) as direct,
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
        ):
            hear = hub(session, server.url, server.admin_key)
            sides = (Side(hear, psutil.Process(server.process.pid)), direct)
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
    for side in sides:
        # The first one loads the model.
        await side.take(batches[0])
    least = np.full((len(batches), len(sides), 2), np.inf)
    for turn in range(rounds):
        for number, batch in enumerate(batches):
            for place in (0, 1) if (number + turn) % 2 else (1, 0):
                taken = await sides[place].take(batch)
                least[number, place] = np.minimum(least[number, place], taken)
    (through, used), (direct, used_directly) = least.sum(axis=0) / seconds
    what = f"speech, {FILES} files" + (f", {at_once} at once" if at_once > 1 else "")
    kept = bool(through <= BOUND * direct)
    return [
        Figure(what, through, direct, "s/s", f"<= {BOUND}", kept),
        Figure(f"{what}: processors", used, used_directly, "s/s", "none", kept=True),
    ]


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
async def bare(weights: Path, directory: Path) -> AsyncIterator[Side]:
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
        yield Side(hear, psutil.Process(process.pid))
    finally:
        requests.close()
        await process.wait()
