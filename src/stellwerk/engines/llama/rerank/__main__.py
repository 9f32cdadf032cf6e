"""The engine's child process: `python -m stellwerk.engines.llama.rerank`."""

from stellwerk.engines.host import main
from stellwerk.engines.llama.rerank.server import load

if __name__ == "__main__":
    main(load)
