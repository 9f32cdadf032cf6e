"""Pictures read through the hub, beside RapidOCR called by a program of its own.

Both run the same networks with the same threads and sizes, and take turns page by page. A figure is
seconds for a page, or seconds of all processors together.
"""

import asyncio
import base64
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import psutil

from bench.beside import Read, Side, least, program
from bench.report import Figure
from tests.server import running_server
from tests.sheets import KINDS

MODEL, PAGES = "PP-OCRv6-small", 12
BOUND = 1.10
TIMEOUT = aiohttp.ClientTimeout(total=600)

PROGRAM = """
import json, sys
from rapidocr import RapidOCR
orders = json.loads(sys.stdin.readline())
model = RapidOCR(params={
    "Det.model_path": orders["det"],
    "Rec.model_path": orders["rec"],
    "Global.use_cls": False,
    "Global.max_side_len": 2000,
    "Global.log_level": "critical",
    "EngineConfig.onnxruntime.intra_op_num_threads": orders["threads"],
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
})
print("[]", flush=True)
for line in sys.stdin:
    texts = ["\\n".join(model(path).txts or ()) for path in json.loads(line)]
    print(json.dumps(texts), flush=True)
"""


async def measure(weights: Path, rounds: int) -> list[Figure]:
    """The figures of this part. `weights` is a weights directory with the starter models."""
    orders = {
        "det": str(next(weights.glob("*det_small.onnx"))),
        "rec": str(next(weights.glob("*rec_small.onnx"))),
        "threads": psutil.cpu_count(logical=False) or 1,
    }
    with tempfile.TemporaryDirectory() as directory, running_server(weights) as server:
        pages = [[page] for page in sheets(Path(directory))]
        async with (
            program(PROGRAM, orders) as direct,
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
        ):
            read = hub(session, server.url, server.admin_key)
            sides = (Side(read, psutil.Process(server.process.pid)), direct)
            found = await least(pages, sides, rounds) / PAGES
    (through, used), (bare, used_directly) = found
    what = f"OCR, {PAGES} pages"
    kept = bool(through <= BOUND * bare)
    return [
        Figure(what, through, bare, "s/page", f"<= {BOUND}", kept),
        Figure(f"{what}: processors", used, used_directly, "s/page", "none", kept=True),
    ]


def sheets(directory: Path) -> list[Path]:
    """Invoices, charts and scans, always the same ones."""
    chance, files = random.Random(1), []
    for number in range(PAGES):
        draw = list(KINDS.values())[number % len(KINDS)]
        path = directory / f"{number}.png"
        draw(chance).image.save(path)
        files.append(path)
    return files


def hub(session: aiohttp.ClientSession, url: str, key: str) -> Read:
    async def one(path: Path) -> str:
        uri = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
        async with session.post(
            f"{url}/v2/ocr",
            json={"model": MODEL, "document": {"type": "image_url", "image_url": uri}},
            headers={"Authorization": f"Bearer {key}"},
        ) as answer:
            answer.raise_for_status()
            text: str = (await answer.json())["pages"][0]["markdown"]
            return text

    async def all_of(paths: Sequence[Path]) -> list[str]:
        return await asyncio.gather(*(one(path) for path in paths))

    return all_of
