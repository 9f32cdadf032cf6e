"""`make bench`: what the hub adds to engines and upstreams, measured beside them in one run."""

import argparse
import asyncio
import subprocess
import sys
from pathlib import Path

from bench import engines, images, ocr, speech
from bench.report import print_table

PARTS = {
    "engines": engines.measure,
    "speech": speech.measure,
    "ocr": ocr.measure,
    "images": images.measure,
}

DEFAULT_WEIGHTS = Path("~/.cache/stellwerk/weights").expanduser()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of each part")
    parser.add_argument(
        "--only",
        choices=[*PARTS, "queue", "batches", "stores", "lane"],
        help="this part, and not the others",
    )
    options = parser.parse_args()
    for name, measure in PARTS.items():
        if options.only in {None, name}:
            print_table(asyncio.run(measure(options.weights, options.rounds)))
    if options.only in {None, "queue"}:
        subprocess.run([sys.executable, "-m", "bench.queue"], check=True)
    if options.only == "batches":
        # By its name only: 20,000 texts take an hour of two processors.
        subprocess.run([sys.executable, "-m", "bench.batches"], check=True)
    if options.only == "stores":
        # The same: it embeds 20,000 texts, the first time.
        subprocess.run([sys.executable, "-m", "bench.stores"], check=True)
    if options.only in {None, "lane"}:
        # A process of its own: it keeps itself to one core.
        subprocess.run([sys.executable, "-m", "bench.lane"], check=True)


if __name__ == "__main__":
    main()
