"""A target of a model as one process sees it: how busy it is, and whether it is well."""

import asyncio
from typing import Protocol

from stellwerk.base.model_entry import PictureForm
from stellwerk.upstreams.breaker import Breaker
from stellwerk.upstreams.exchange import Exchange, Receiver


class Route(Protocol):
    """A place that answers the OpenAI API for one model.

    Of those with the lowest `order` that are well, the one with the fewest requests `in_flight` for
    its `weight` is asked. `model` is the model's name there, `local` says that its engine is
    ours: a body for it is checked whole, and it gives what it is asked for. `pictures` says how it
    takes those of a conversation.
    """

    name: str
    model: str
    order: int
    weight: float
    retry: bool
    local: bool
    pictures: PictureForm
    in_flight: int
    breaker: Breaker

    def begin(
        self,
        path: str,
        body: bytes,
        content_type: bytes,
        request_id: str,
        trace: str | None,
        receiver: Receiver,
    ) -> Exchange:
        """POST `body` to `path`, below the target's base URL. `trace` is sent as `traceparent`."""
        ...


def load(route: Route) -> float:
    return (route.in_flight + 1) / route.weight


def choose(routes: tuple[Route, ...], tried: tuple[Route, ...] = ()) -> Route | None:
    """The best route that is well and was not tried; None if there is none."""
    if len(routes) == 1:
        route = routes[0]
        return None if route in tried or not route.breaker.allows() else route
    best: Route | None = None
    for route in routes:
        if route in tried or not route.breaker.allows():
            continue
        if best is None or (route.order, load(route)) < (best.order, load(best)):
            best = route
    return best


def soonest(routes: tuple[Route, ...]) -> float:
    """Seconds until one of them may be asked again."""
    return max(1.0, min(route.breaker.wait for route in routes))


def new_breaker() -> Breaker:
    return Breaker(asyncio.get_running_loop().time)
