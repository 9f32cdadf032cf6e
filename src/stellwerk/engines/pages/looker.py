"""The model, and the one thread that it runs in.

The libraries of the extra `pages` are imported where they are used: without it, this module can be
imported still.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from stellwerk.engines.pages.spec import CONFIG, Options, class_of

Vectors = npt.NDArray[np.float32]
T = TypeVar("T")


class Looker:
    """Turns pictures and texts into vectors, one at a time; concurrent requests take turns."""

    def __init__(self, directory: Path, options: Options, threads: int) -> None:
        """Raises `OSError`, `RuntimeError` or `ValueError` when the model cannot be loaded."""
        import torch
        import transformers

        torch.set_num_threads(threads)
        self._device = options.device
        kind: Any = getattr(transformers, class_of((directory / CONFIG).read_bytes()))
        self._model: Any = kind.from_pretrained(
            str(directory), local_files_only=True, dtype=getattr(torch, options.dtype)
        ).to(options.device)
        self._model.eval()
        self._processor: Any = transformers.AutoProcessor.from_pretrained(
            str(directory), local_files_only=True
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="looker")

    def close(self) -> None:
        """End the thread; what waits for it is given up."""
        self._thread.shutdown(cancel_futures=True)

    async def see(self, picture: Image.Image) -> Vectors:
        """A vector of length 1 for each token of the page, one a row."""
        return await self._run(self._vectors, {"images": [picture]})

    async def read(self, texts: Sequence[str]) -> list[Vectors]:
        """The same of each text."""
        return [await self._run(self._vectors, {"text": [text]}) for text in texts]

    async def _run(self, work: Callable[[dict[str, Any]], T], given: dict[str, Any]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, given)

    def _vectors(self, given: dict[str, Any]) -> Vectors:
        import torch

        prepared = self._processor(**given).to(self._device)
        with torch.inference_mode():
            [made] = self._model(**prepared).embeddings
        found: Vectors = made.float().cpu().numpy()
        return found
