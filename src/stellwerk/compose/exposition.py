"""The page of metrics: the verbs of all hub processes, and the engines that they share."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from stellwerk.base.errors import StellwerkError

Exposition = Callable[[], Awaitable[bytes]]
Snapshot = Callable[[], Awaitable[dict[str, Any]]]


def exposition(registry: CollectorRegistry, engines: Snapshot) -> Exposition:
    """`registry` holds what this process counted itself, `engines` asks the broker."""

    async def page() -> bytes:
        return generate_latest(_verbs(registry)) + await _engines(engines)

    return page


def _verbs(own: CollectorRegistry) -> CollectorRegistry:
    """Summed over all hubs where the parent made them keep their counts in files."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return own
    everyone = CollectorRegistry()
    MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
    return everyone


async def _engines(snapshot: Snapshot) -> bytes:
    try:
        books = await snapshot()
    except StellwerkError:
        # The supervisor is ending; what the hubs counted is worth having all the same.
        return b""
    registry = CollectorRegistry()

    def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"stellwerk_engine{name}", text, labels, registry=registry)

    gauge("s_memory_budget_bytes", "Memory that engines may use.").set(books["budget"])
    gauge("s_memory_used_bytes", "Memory that engines use.").set(books["used"])
    footprint = gauge("_memory_bytes", "Memory of a model's engine.", ("model", "state"))
    leases = gauge("_leases", "Requests that a model's engine works on.", ("model",))
    waiting = gauge("_waiting", "Requests that wait for a model to be loaded.", ("model",))
    for engine in books["engines"]:
        footprint.labels(engine["model"], engine["state"]).set(engine["footprint"])
        leases.labels(engine["model"]).set(engine["leases"])
        waiting.labels(engine["model"]).set(engine["waiting"])
    return generate_latest(registry)
