"""The engine's child process: `python -m stellwerk.engines.e5`."""

from stellwerk.engines.e5.server import load
from stellwerk.engines.host import main

if __name__ == "__main__":
    main(load)
