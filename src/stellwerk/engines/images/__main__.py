"""The engine's child process: `python -m stellwerk.engines.images`."""

from stellwerk.engines.host import main
from stellwerk.engines.images.server import load

if __name__ == "__main__":
    main(load)
