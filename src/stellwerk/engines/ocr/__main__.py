"""The engine's child process: `python -m stellwerk.engines.ocr`."""

from stellwerk.engines.host import main
from stellwerk.engines.ocr.server import load

if __name__ == "__main__":
    main(load)
