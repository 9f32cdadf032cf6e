"""The engine's child process: `python -m stellwerk.engines.voice`."""

from stellwerk.engines.host import main
from stellwerk.engines.voice.server import load

if __name__ == "__main__":
    main(load)
