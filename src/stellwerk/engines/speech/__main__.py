"""The engine's child process: `python -m stellwerk.engines.speech`."""

from stellwerk.engines.host import main
from stellwerk.engines.speech.server import load

if __name__ == "__main__":
    main(load)
