from dataclasses import dataclass

import pytest

from stellwerk.upstreams.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Breaker, State


@dataclass
class Clock:
    time: float = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.begin()
        breaker.bad()


def test_failures_in_a_row_open_it(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    assert (breaker.allows(), breaker.state) == (True, State.CLOSED)
    fail(breaker)
    assert (breaker.allows(), breaker.state, breaker.wait) == (False, State.OPEN, FIRST_PAUSE)


def test_a_success_between_failures_starts_the_count_again(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    breaker.good()
    fail(breaker, FAILURES - 1)
    assert breaker.allows()


def test_one_probe_at_a_time_decides(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    clock.time += FIRST_PAUSE
    assert breaker.allows()
    breaker.begin()
    assert (breaker.allows(), breaker.state) == (False, State.PROBING)
    breaker.good()
    assert (breaker.allows(), breaker.state) == (True, State.CLOSED)
    fail(breaker, FAILURES - 1)
    assert breaker.allows()


def test_a_failed_probe_doubles_the_pause_up_to_a_bound(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    pauses = []
    for _ in range(8):
        pauses.append(breaker.wait)
        clock.time += breaker.wait
        fail(breaker)
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE


def test_a_probe_that_was_given_up_lets_the_next_one_probe(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    clock.time += FIRST_PAUSE
    breaker.begin()
    breaker.unknown()
    assert breaker.allows()
    breaker.begin()
    assert not breaker.allows()


def test_calls_that_fail_together_are_one_outage(breaker: Breaker) -> None:
    for _ in range(32):
        breaker.begin()
    for _ in range(32):
        breaker.bad()
    assert breaker.wait == FIRST_PAUSE


def test_it_rests_as_long_as_it_asked(breaker: Breaker, clock: Clock) -> None:
    breaker.begin()
    breaker.good()
    breaker.rest(7)
    assert (breaker.allows(), breaker.wait) == (False, 7)
    clock.time += 7
    assert breaker.allows()


def test_nothing_rests_for_ever(breaker: Breaker) -> None:
    breaker.rest(86_400)
    assert breaker.wait == LONGEST_PAUSE


def test_an_older_call_that_succeeds_does_not_end_a_rest(breaker: Breaker) -> None:
    breaker.begin()
    breaker.begin()
    breaker.good()
    breaker.rest(7)
    breaker.good()
    assert not breaker.allows()
