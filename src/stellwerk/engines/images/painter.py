"""The pipeline, and the one thread that it runs in.

The libraries of the extra `images` are imported where they are used: without it, this module can
be imported still.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from stellwerk.engines.images.job import Canvas, Job
from stellwerk.engines.images.spec import Options

# Hears of the share of one picture that is done.
Heard = Callable[[float], None]


class GivenUpError(Exception):
    """Nobody waits for the picture any more."""


class Painter:
    """Paints one picture after the other; pictures of concurrent requests take turns."""

    def __init__(self, directory: Path, options: Options, threads: int) -> None:
        """Raises `OSError`, `RuntimeError` or `ValueError` when the model cannot be loaded."""
        import torch
        from diffusers import AutoPipelineForText2Image

        torch.set_num_threads(threads)
        self._options = options
        self._words: Any = AutoPipelineForText2Image.from_pretrained(
            str(directory), local_files_only=True, dtype=getattr(torch, options.dtype)
        ).to(options.device)
        self._words.set_progress_bar_config(disable=True)
        side = self._words.unet.config.sample_size * self._words.vae_scale_factor
        side = min(side, options.longest)
        self.canvas = Canvas((side, side), options.longest)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="painter")

    def close(self) -> None:
        """End the thread; what waits for it is given up."""
        self._thread.shutdown(cancel_futures=True)

    async def paint(self, job: Job, heard: Heard) -> AsyncGenerator[Image.Image]:
        """The pictures in order. A request that is given up costs no more than a step."""
        given_up = threading.Event()
        try:
            for number in range(job.n):
                step = _told(heard, given_up, number, job.n)
                run = asyncio.get_running_loop().run_in_executor
                yield await run(self._thread, self._paint, job, number, step)
        finally:
            given_up.set()

    def _paint(self, job: Job, number: int, step: Heard) -> Image.Image:
        import torch

        generator = torch.Generator("cpu").manual_seed(job.seed + number)
        steps = max(1, round(self._options.steps * job.work))
        given = {
            "prompt": job.prompt,
            "num_inference_steps": steps,
            "guidance_scale": self._options.guidance,
            "generator": generator,
            "callback_on_step_end": _steps(step, steps),
        }
        with torch.inference_mode():
            made: Image.Image = self._run(job, given).images[0]
        if job.before is not None and job.mask is not None:
            # What a mask closes stays as it was, to the last bit.
            made = Image.composite(made, job.before.convert("RGB"), job.mask)
        return made

    def _run(self, job: Job, given: dict[str, Any]) -> Any:
        from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting

        width, height = job.size
        if job.before is None:
            return self._words(width=width, height=height, **given)
        before = job.before.convert("RGB")
        if job.mask is None:
            pipeline: Any = AutoPipelineForImage2Image.from_pipe(self._words)
            return pipeline(image=before, strength=self._options.strength, **given)
        pipeline = AutoPipelineForInpainting.from_pipe(self._words)
        return pipeline(
            image=before, mask_image=job.mask, width=width, height=height, strength=1.0, **given
        )


def _told(heard: Heard, given_up: threading.Event, number: int, of: int) -> Heard:
    """Called in the painter's thread: tells the loop how far all pictures together are."""
    loop = asyncio.get_running_loop()

    def told(share: float) -> None:
        if given_up.is_set():
            raise GivenUpError
        loop.call_soon_threadsafe(heard, (number + share) / of)

    return told


def _steps(step: Heard, steps: int) -> Callable[..., dict[str, Any]]:
    def ended(_: Any, number: int, __: Any, state: dict[str, Any]) -> dict[str, Any]:
        step(min((number + 1) / steps, 1))
        return state

    return ended
