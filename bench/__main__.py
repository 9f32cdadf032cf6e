"""`make bench`: what the hub adds to the engines, measured beside them in the same run."""

import argparse
import asyncio
from pathlib import Path

from bench.engines import measure
from bench.report import print_table

DEFAULT_WEIGHTS = Path("~/.cache/stellwerk/weights").expanduser()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of each part")
    options = parser.parse_args()
    print_table(asyncio.run(measure(options.weights, options.rounds)))


if __name__ == "__main__":
    main()
