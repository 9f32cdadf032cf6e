"""What both programs do for whoever measures them. It imports nothing of theirs."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any


async def serve(
    client: Callable[[list[int]], Coroutine[Any, Any, None]],
    one: Callable[[], Coroutine[Any, Any, None]],
    clients: int,
    started: list[float],
) -> None:
    """What is asked for on the input: a number of jobs at once, or -N: N of them one by one."""
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        count = int(line)
        began, cpu = time.perf_counter(), time.process_time()
        delays = []
        if count > 0:
            left = [0] * count
            await asyncio.gather(*(client(left) for _ in range(clients)))
        for _ in range(-count):
            await asyncio.sleep(0.02)
            started.clear()
            at = time.perf_counter()
            await one()
            delays.append(started[0] - at)
        told = {
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - cpu,
            "delays": delays,
        }
        print(json.dumps(told), flush=True)
