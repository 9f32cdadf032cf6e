"""The pipeline, and the one thread that it runs in.

The libraries of the extra `images` are imported where they are used: without it, this module can
be imported still.
"""

import asyncio
import math
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from stellwerk.engines.images.errors import WithheldError
from stellwerk.engines.images.job import Canvas, Job
from stellwerk.engines.images.prompts import Prompts
from stellwerk.engines.images.spec import Options

# Sides of pictures are multiples of it.
STEP = 8
# Hears of the share of one picture that is done.
Heard = Callable[[float], None]
# Takes a picture that is not done yet.
Show = Callable[[Image.Image], None]


@dataclass(frozen=True, slots=True)
class Painted:
    """A picture; `preview` is the number of one that is not done yet, from 0."""

    picture: Image.Image
    preview: int | None = None


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
        self.canvas = canvas(self._words, options.longest)
        self.prompts = Prompts(self._words)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="painter")

    def close(self) -> None:
        """End the thread; what waits for it is given up."""
        self._thread.shutdown(cancel_futures=True)

    async def paint(self, job: Job, heard: Heard) -> AsyncGenerator[Painted]:
        """The pictures in order, each after its previews.

        A request that is given up costs no more than a step.
        """
        given_up = threading.Event()
        loop = asyncio.get_running_loop()
        work: asyncio.Future[Image.Image] | None = None
        try:
            for number in range(job.n):
                step = _told(heard, given_up, number, job.n)
                news: asyncio.Queue[Image.Image | None] = asyncio.Queue()
                show = _into(loop, news)
                work = loop.run_in_executor(self._thread, self._paint, job, number, step, show)
                work.add_done_callback(partial(_over, news))
                shown = 0
                while (preview := await news.get()) is not None:
                    yield Painted(preview, shown)
                    shown += 1
                yield Painted(await work)
        finally:
            given_up.set()
            if work is not None:
                # One that waits for its turn is never begun.
                work.cancel()

    def _paint(self, job: Job, number: int, step: Heard, show: Show) -> Image.Image:
        import torch

        generator = torch.Generator("cpu").manual_seed(job.seed + number)
        steps = self._steps(job)
        given = {
            "prompt": job.prompt,
            "num_inference_steps": steps,
            "guidance_scale": self._options.guidance,
            "generator": generator,
            "callback_on_step_end": _Steps(job, steps, step, show),
        }
        with torch.inference_mode():
            made = self._run(job, given)
        if any(getattr(made, "nsfw_content_detected", None) or ()):
            # What the pipeline gives then is a black picture.
            raise WithheldError
        return closed(made.images[0], job)

    def _steps(self, job: Job) -> int:
        """A picture that is changed takes `strength` of them, of which one must be left."""
        steps = max(1, round(self._options.steps * job.work))
        changes = job.before is not None and job.mask is None
        return max(steps, math.ceil(1 / self._options.strength)) if changes else steps

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


def canvas(pipeline: Any, longest: int) -> Canvas:
    """What a pipeline paints on. Raises `ValueError` for one that does not say."""
    core = getattr(pipeline, "unet", None)
    # A transformer takes its latents in patches of 2 x 2.
    step = STEP if core is not None else 2 * STEP
    core = core if core is not None else getattr(pipeline, "transformer", None)
    latents = (
        getattr(pipeline, "default_sample_size", None),
        getattr(getattr(core, "config", None), "sample_size", None),
    )
    sizes = [size for size in latents if isinstance(size, int)]
    if not sizes:
        raise ValueError(f"{type(pipeline).__name__} does not say how large its pictures are.")
    side = min(sizes[0] * getattr(pipeline, "vae_scale_factor", STEP), longest) // step * step
    return Canvas((side, side), longest, step)


def _into(loop: asyncio.AbstractEventLoop, news: "asyncio.Queue[Image.Image | None]") -> Show:
    """Called in the painter's thread."""

    def show(picture: Image.Image) -> None:
        loop.call_soon_threadsafe(news.put_nowait, picture)

    return show


def _over(news: "asyncio.Queue[Image.Image | None]", _: object) -> None:
    news.put_nowait(None)


def _told(heard: Heard, given_up: threading.Event, number: int, of: int) -> Heard:
    """Called in the painter's thread: tells the loop how far all pictures together are."""
    loop = asyncio.get_running_loop()

    def told(share: float) -> None:
        if given_up.is_set():
            raise GivenUpError
        loop.call_soon_threadsafe(heard, (number + share) / of)

    return told


def closed(made: Image.Image, job: Job) -> Image.Image:
    """What a mask closes stays as it was, to the last bit."""
    if job.before is None or job.mask is None:
        return made
    return Image.composite(made, job.before.convert("RGB"), job.mask)


@dataclass(slots=True)
class _Steps:
    """What diffusers calls after each step: `callback_on_step_end`."""

    job: Job
    steps: int
    step: Heard
    show: Show
    shown: int = 0

    def __call__(self, pipeline: Any, number: int, _: Any, state: dict[str, Any]) -> dict[str, Any]:
        # A picture that begins with another one takes fewer steps.
        of = getattr(pipeline, "num_timesteps", None) or self.steps
        share = min((number + 1) / of, 1)
        self.step(share)
        wanted = self.job.previews
        if self.shown < wanted and (self.shown + 1) / (wanted + 1) <= share < 1:
            picture = _preview(pipeline, state["latents"])
            if picture is not None:
                self.shown += 1
                self.show(closed(picture, self.job))
        return state


def _preview(pipeline: Any, latents: Any) -> Image.Image | None:
    """What the picture is so far; None for a model that packs it in a form of its own."""
    vae = getattr(pipeline, "vae", None)
    if vae is None or latents.ndim != 4:
        return None
    shift = getattr(vae.config, "shift_factor", None) or 0
    decoded = vae.decode(latents / vae.config.scaling_factor + shift, return_dict=False)[0]
    picture: Image.Image = pipeline.image_processor.postprocess(decoded, output_type="pil")[0]
    return picture
