"""The engine's child process: `python -m stellwerk.engines.pages`."""

from stellwerk.engines.host import main
from stellwerk.engines.pages.server import load

if __name__ == "__main__":
    main(load)
