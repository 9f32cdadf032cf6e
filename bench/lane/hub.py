"""Our own gateway with what a request passes: a hashed key, its limits, an alias, prices."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.lane.gateways import Gateway
from bench.lane.processes import Family
from tests.server import running_server

CONFIG = """
starter_models = false

[log]
level = "warning"

[[models]]
id = "bench/large"
aliases = ["bench"]
upstream = {{ url = "{url}", model = "mock" }}
prices = {{ input = 0.15, output = 0.6 }}
"""
# All kinds of limits, so high that none is reached: what is measured is their keeping.
LIMITS = {
    "rpm": 10**9,
    "input-tpm": 10**12,
    "output-tpm": 10**12,
    "concurrent": 10**6,
    "monthly-budget": 10**9,
}


@contextmanager
def hub(directory: Path, upstream: str) -> Iterator[Gateway]:
    """One hub process with its parent and its PostgreSQL."""
    config = directory / "stellwerk.toml"
    config.write_text(CONFIG.format(url=upstream))
    with running_server(directory, STELLWERK_CONFIG=str(config)) as server:
        limits = [f"--{name}={limit}" for name, limit in LIMITS.items()]
        key = server.command("keys", "create", "bench", *limits).strip()
        port = int(server.url.rpartition(":")[2])
        family = Family(server.process.pid)
        # What the hub does for a request after it has answered is part of what it costs.
        yield Gateway("stellwerk", port, family, key, settle=1.5)


def hub_process(gateway: Gateway) -> psutil.Process:
    """The process that serves; its parent and PostgreSQL are others."""
    return gateway.family.only(lambda process: process.cmdline()[-1:] == ["hub"])[0]


def postgres(gateway: Gateway) -> list[psutil.Process]:
    return gateway.family.only(lambda process: process.name() == "postgres")
