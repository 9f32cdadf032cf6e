from stellwerk.supervisor.backoff import Backoff


def test_each_failure_doubles_the_wait_up_to_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.fail(0, lived=1) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_healthy_minute_starts_again() -> None:
    backoff = Backoff()
    backoff.fail(0, lived=0)
    backoff.fail(10, lived=0)
    assert backoff.fail(100, lived=60) == 1
    assert backoff.fail(110, lived=59) == 2


def test_what_remains() -> None:
    backoff = Backoff()
    assert backoff.remaining(5) == 0
    backoff.fail(5, lived=0)
    assert backoff.remaining(5.25) == 0.75
    assert backoff.remaining(7) == 0
