"""The arithmetic of a share, by what must hold whatever happens: random lives of a cell."""

from dataclasses import dataclass, field
from random import Random

import pytest

from stellwerk.features.limits.types import WINDOW, Grant, Kind
from stellwerk.features.limits.window import Bin, Cell

LIMIT = 100
STEPS = 3000


@dataclass
class Life:
    """A cell that holds all of its limit, a clock, and every use that was admitted."""

    kind: Kind
    chance: Random
    now: float = 0.0
    open: list[tuple[int, int, Bin]] = field(default_factory=list)
    counted: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cell = Cell("key:k:x", self.kind, LIMIT, "The key")
        self.cell.granted(Grant(LIMIT, 0, 0))

    def step(self) -> None:
        """Some time goes by, and one of the things happens that a process does with a cell."""
        self.now += self.chance.choice([0.0, 0.01, 0.5, 3.0])
        chosen = self.chance.random()
        if chosen < 0.55:
            self.begin(self.chance.randint(1, 12) if self.kind is not Kind.REQUESTS else 1)
        elif chosen < 0.85 and self.open:
            self.end()
        else:
            self.cell.roll(self.now)

    def begin(self, amount: int) -> None:
        if self.cell.free >= amount:
            self.cell.free -= amount
            if self.kind is Kind.REQUESTS:
                self.counted.append((self.now, 1))
            else:
                # A request uses at most what was reserved for it.
                used = self.chance.randint(0, amount)
                self.open.append((amount, used, self.cell.bin))
                if self.kind is Kind.INPUT:
                    self.counted.append((self.now, used))

    def end(self) -> None:
        reserved, used, at = self.open.pop(self.chance.randrange(len(self.open)))
        if self.kind is Kind.CONCURRENT:
            self.cell.release(reserved, self.now)
            return
        self.cell.correct(reserved, used, at)
        if self.kind is not Kind.INPUT:
            self.counted.append((self.now, used))

    def in_window(self) -> int:
        """What was used in the window that ends now."""
        self.counted = [use for use in self.counted if use[0] > self.now - WINDOW]
        return sum(amount for _, amount in self.counted)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", [Kind.REQUESTS, Kind.INPUT, Kind.OUTPUT])
def test_no_window_ever_sees_more_than_the_limit(kind: Kind, seed: int) -> None:
    life = Life(kind, Random(seed))
    for _ in range(STEPS):
        life.step()
        assert life.in_window() <= LIMIT
        assert 0 <= life.cell.free <= LIMIT


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", [Kind.REQUESTS, Kind.INPUT, Kind.OUTPUT])
def test_everything_comes_back(kind: Kind, seed: int) -> None:
    life = Life(kind, Random(seed))
    for _ in range(STEPS):
        life.step()
    while life.open:
        life.end()
    # A bin is closed by the first look, and over one window after it.
    life.cell.roll(life.now)
    life.cell.roll(life.now + WINDOW)
    assert (life.cell.free, life.cell.used) == (LIMIT, 0)


@pytest.mark.parametrize("seed", range(8))
def test_requests_that_run_never_pass_the_limit(seed: int) -> None:
    life = Life(Kind.CONCURRENT, Random(seed))
    for _ in range(STEPS):
        life.step()
        running = sum(reserved for reserved, _, _ in life.open)
        assert running + life.cell.free == LIMIT


@pytest.mark.parametrize("seed", range(8))
def test_money_does_not_come_back(seed: int) -> None:
    life = Life(Kind.PREPAID, Random(seed))
    for _ in range(STEPS):
        life.step()
    while life.open:
        life.end()
    assert life.cell.spent + life.cell.free == LIMIT
    assert life.cell.spent <= LIMIT


@pytest.mark.parametrize("kind", [Kind.REQUESTS, Kind.INPUT])
def test_what_is_given_away_is_free_to_nobody_here(kind: Kind) -> None:
    """A share moves without a use being counted nowhere."""
    life = Life(kind, Random(1))
    held = LIMIT
    for number in range(STEPS):
        life.step()
        if number % 50 == 0:
            before = life.cell.free
            life.cell.give(life.chance.randint(0, 20))
            held -= before - life.cell.free
        assert life.cell.held == held
        assert life.in_window() <= LIMIT
