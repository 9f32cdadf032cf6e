"""Where a model runs: its routes to local engines and to other servers."""

import os
import ssl
from functools import partial
from pathlib import Path
from typing import Self

from stellwerk.base.errors import UnavailableError
from stellwerk.base.log import get_logger
from stellwerk.base.model_entry import PictureForm, UpstreamEntry
from stellwerk.features.catalog.describe import Describer
from stellwerk.features.catalog.types import Model
from stellwerk.ports.engines import Broker
from stellwerk.upstreams.local import EngineRoute, Engines
from stellwerk.upstreams.pool import Pool, Timeouts
from stellwerk.upstreams.remote import Base, HttpRoute
from stellwerk.upstreams.route import Route

log = get_logger("compose")

Known = tuple[UpstreamEntry, str, str | None]


class Routing:
    """Makes the routes of each model once; closes all connections at the end."""

    def __init__(self, broker: Broker, describer: Describer) -> None:
        self._broker = broker
        self._describer = describer
        self._engines = Engines()
        self._routes: dict[str, tuple[Model, tuple[Route, ...]]] = {}
        self._remote: dict[Known, HttpRoute] = {}
        self._pools: list[Pool] = []
        self._tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._engines.close()
        for pool in self._pools:
            pool.close()

    def of(self, model: Model) -> tuple[Route, ...]:
        """All targets that can be asked.

        Raises `UnavailableError` when there is none because a key is missing.
        """
        known = self._routes.get(model.id)
        if known is not None and known[0] is model:
            return known[1]
        routes = tuple(self._found(model))
        self._routes[model.id] = model, routes
        return routes

    def _found(self, model: Model) -> list[Route]:
        routes: list[Route] = []
        if model.entry.engine is not None:
            launch = partial(self._describer.launch, model)
            spec = self._describer.spec(model)
            sees = spec is not None and spec.sees(model.entry.options)
            pictures: PictureForm = "data" if sees else "none"
            routes.append(EngineRoute(model.id, self._broker, self._engines, launch, 0, pictures))
        faults = []
        for upstream in model.entry.upstreams:
            try:
                routes.append(self._route(model, upstream))
            except UnavailableError as error:
                log.warning("target is left out", model=model.id, reason=error.message)
                faults.append(error)
        if not routes:
            raise faults[0]
        return routes

    def every(self) -> list[tuple[str, tuple[Route, ...]]]:
        """The routes of all models that were asked for until now, by the model's id."""
        return [(model.id, routes) for model, routes in self._routes.values()]

    def _route(self, model: Model, upstream: UpstreamEntry) -> Route:
        secret = _secret(model.id, upstream)
        name = upstream.model or model.id
        # What is known of a target's health outlives a change of its model's entry.
        route = self._remote.get((upstream, name, secret))
        if route is None:
            route = self._remote[upstream, name, secret] = self._new(upstream, name, secret)
        return route

    def _new(self, upstream: UpstreamEntry, name: str, secret: str | None) -> HttpRoute:
        base = Base.of(str(upstream.url), upstream.socket)
        timeouts = Timeouts(upstream.connect_timeout, upstream.timeout, upstream.idle_timeout)
        pool = Pool(base.address, timeouts, self._context() if base.address.tls else None)
        self._pools.append(pool)
        bearer = f"Bearer {secret}" if upstream.api_key_header == "authorization" else secret
        return HttpRoute(
            upstream.label,
            name,
            base,
            pool,
            (upstream.api_key_header, bearer or "") if secret else None,
            order=upstream.order,
            weight=upstream.weight,
            retry=upstream.retry,
            pictures=upstream.pictures,
        )

    def _context(self) -> ssl.SSLContext:
        # Reading the certificates of the machine takes tens of milliseconds.
        self._tls = self._tls or ssl.create_default_context()
        return self._tls


def _secret(model: str, upstream: UpstreamEntry) -> str | None:
    """Raises `UnavailableError` that says how to give the key."""
    if upstream.api_key_file is not None:
        try:
            lines = Path(upstream.api_key_file).expanduser().read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise _missing(model, f"the file {upstream.api_key_file} cannot be read") from error
        return lines[0] if lines else _none(model, f"the file {upstream.api_key_file} is empty")
    if upstream.api_key_env is None:
        return None
    variable = upstream.api_key_env
    return os.environ.get(variable) or _none(
        model, f"set the environment variable {variable} for `stellwerk serve`"
    )


def _none(model: str, advice: str) -> str:
    raise _missing(model, advice)


def _missing(model: str, advice: str) -> UnavailableError:
    return UnavailableError(
        f"The upstream of {model!r} needs a key: {advice}.", code="upstream_key_missing"
    )
