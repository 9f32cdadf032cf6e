from collections import Counter
from typing import Any

from stellwerk.base.model_entry import PictureForm
from stellwerk.upstreams.breaker import FAILURES, Breaker
from stellwerk.upstreams.exchange import Exchange
from stellwerk.upstreams.route import Route, choose, soonest


class Named:
    """A route that is chosen and never asked."""

    model = "m"
    retry = local = False
    pictures: PictureForm = "data"

    def __init__(self, name: str, order: int = 0, weight: float = 1) -> None:
        self.name, self.order, self.weight = name, order, weight
        self.in_flight = 0
        self.breaker = Breaker(lambda: 0.0)

    def begin(self, *_: Any) -> Exchange:
        raise NotImplementedError

    def fail(self) -> None:
        for _ in range(FAILURES):
            self.breaker.bad()


def chosen(routes: tuple[Route, ...], tried: tuple[Route, ...] = ()) -> str | None:
    route = choose(routes, tried)
    return route.name if route else None


def test_the_one_with_the_fewest_in_flight_is_asked() -> None:
    a, b = Named("a"), Named("b")
    a.in_flight = 3
    b.in_flight = 2
    assert chosen((a, b)) == "b"


def test_of_equals_the_first_is_asked() -> None:
    assert chosen((Named("a"), Named("b"))) == "a"


def test_weights_are_shares() -> None:
    routes = Named("a", weight=3), Named("b"), Named("c", weight=0.5)
    for _ in range(90):
        route = choose(routes)
        assert route is not None
        route.in_flight += 1
    assert Counter({route.name: route.in_flight for route in routes}) == {"a": 60, "b": 20, "c": 10}


def test_a_higher_order_is_asked_only_when_none_below_is_well() -> None:
    a, b, spare = Named("a"), Named("b"), Named("spare", order=1)
    a.in_flight = b.in_flight = 100
    assert chosen((spare, a, b)) == "a"
    a.fail()
    assert chosen((spare, a, b)) == "b"
    b.fail()
    assert chosen((spare, a, b)) == "spare"


def test_what_was_tried_is_not_asked_again() -> None:
    a, b = Named("a"), Named("b")
    assert chosen((a, b), (a,)) == "b"
    assert chosen((a, b), (a, b)) is None
    assert chosen((a,), (a,)) is None


def test_none_is_chosen_when_none_is_well() -> None:
    a, b = Named("a"), Named("b")
    a.fail()
    assert chosen((a,)) is None
    b.breaker.rest(30)
    assert chosen((a, b)) is None
    assert soonest((a, b)) == 2.0, "the first pause of `a`, not the rest of `b`"
