"""`make bench`: what the hub adds to engines and upstreams, measured beside them in one run."""

import argparse
import asyncio
import subprocess
import sys
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
    # A process of its own: it keeps itself to one core.
    subprocess.run([sys.executable, "-m", "bench.lane"], check=True)


if __name__ == "__main__":
    main()
