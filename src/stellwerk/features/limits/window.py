"""The arithmetic of one process's share of one limit. It knows no clock and no database.

A process holds a share of the limit (`held`); the shares of all processes together never pass it.
Within its share a process counts for itself:

* a rate in a sliding window: uses are gathered in bins, a bin is closed from time to time (`roll`),
  and what it holds comes back one window after it was closed, so later than one window after the
  use. No interval of a window's length ever sees more than the share.
* requests that run: a use comes back when the request ends.
* money: what is spent does not come back.

Only `free`, what may still be used, is touched on the way of a request; the rest follows from it.
A process gives away only what is free, so a share can move without a use being counted nowhere.
"""

from collections import deque
from math import ceil

from stellwerk.features.limits.types import Ask, Grant, Kind

NEVER = float("-inf")


class Bin:
    """Uses that were counted together: `closed` is when the last of them can have been."""

    __slots__ = ("amount", "closed", "over")

    def __init__(self) -> None:
        self.amount = 0
        self.closed = NEVER
        self.over = False


class Cell:
    """One process's share of one limit. Times are seconds of one steady clock."""

    __slots__ = (
        "_bins",
        "_carry",
        "_closed",
        "_last_free",
        "begged",
        "bin",
        "busy",
        "counted",
        "dry",
        "free",
        "held",
        "kind",
        "left",
        "limit",
        "low",
        "others",
        "owed",
        "pool",
        "reset",
        "retired",
        "rolled",
        "said",
        "shared",
        "spent",
        "wanted",
        "wish",
        "words",
    )

    def __init__(self, pool: str, kind: Kind, limit: int, words: str) -> None:
        self.pool, self.kind, self.limit, self.words = pool, kind, limit, words
        self.held = 0
        self.free = 0
        # Below this much free, more is asked for ahead of need.
        self.low: float = NEVER
        # What the pool had left, and other processes held, when it was last asked.
        self.left = 0
        self.others = 0
        self.spent = 0
        # Output tokens are counted when they are known; until then they are held back.
        self.counted = 0
        # Set aside for other processes.
        self.owed = 0
        # Until when it is known that nothing can be had; until when others are waited for.
        self.dry = NEVER
        self.begged = NEVER
        self.busy = NEVER
        self.shared = NEVER
        self.rolled = NEVER
        # The least and the sum of what requests wait for.
        self.wanted = self.wish = 0
        # Its month is over.
        self.retired = False
        # What `x-ratelimit-reset-*` says.
        self.reset = b"%ds" % ceil(kind.window)
        # What the database knows of it.
        self.said: Ask | None = None
        self.bin = Bin()
        self._bins: deque[Bin] = deque()
        self._closed = 0
        self._carry = 0
        self._last_free = 0

    @property
    def scope(self) -> str:
        """Whose limit it is: `key`, `project` or `model`."""
        return self.pool.partition(":")[0]

    @property
    def used(self) -> int:
        """What of the share is neither free nor set aside."""
        return self.held - self.free - self.owed

    @property
    def whole(self) -> bool:
        """Whether no other process can have a part of the limit."""
        return self.held >= self.limit

    @property
    def idle(self) -> bool:
        """Whether it can be forgotten."""
        nothing = not (self.held or self.used or self.spent or self.wanted)
        return nothing and (self.said is None or self.said == self.ask())

    @property
    def settled(self) -> bool:
        """Whether the database knows all of it, and no request runs on it."""
        return self.free == 0 and self.held == self.spent and self.ask() == self.said

    def roll(self, now: float) -> None:
        """Close the open bin, and take back what has left the window."""
        self.rolled = now
        if self.free != self._last_free:
            self.busy = now
        window = self.kind.window
        if window:
            self._close(now)
            over = 0
            while self._bins and self._bins[0].closed <= now - window:
                gone = self._bins.popleft()
                gone.over = True
                over += gone.amount
            self._closed -= over
            self.release(over, now)
        self._last_free = self.free
        self.reset = b"%ds" % ceil(self.oldest(now))

    def _close(self, now: float) -> None:
        late = self.kind is Kind.OUTPUT
        amount = self.counted if late else self.used - self._closed
        self.counted = 0
        if amount:
            self.bin.amount, self.bin.closed = amount, now
            self._bins.append(self.bin)
            self._closed += amount
            self.bin = Bin()

    def release(self, amount: int, now: float) -> None:
        """A use is over. Half of it is for other processes while they wait."""
        if now < self.shared:
            self._carry += amount
            part = self._carry // 2
            self._carry -= 2 * part
            self.owed += part
            amount -= part
        self.free += amount
        if self.held > self.limit:
            self.give(self.held - self.limit)

    def correct(self, reserved: int, used: int, at: Bin) -> None:
        """Count `used` for what was `reserved`, when the open bin was `at`."""
        if self.kind is Kind.INPUT:
            self._correct_bin(used - reserved, at)
            return
        self.free += reserved - used
        if self.kind is Kind.OUTPUT:
            self.counted += used
        else:
            self.spent += used

    def _correct_bin(self, more: int, at: Bin) -> None:
        if at.over and more < 0:
            # It has come back in full already.
            return
        self.free -= more
        if at.closed != NEVER and not at.over:
            at.amount += more
            self._closed += more

    def wait(self, amount: int, now: float) -> float | None:
        """Seconds until `amount` will be free by what this process knows; None if it cannot."""
        missing = amount - self.free
        if amount > self.limit or self.kind.money:
            return None
        for one in self._bins:
            missing -= one.amount
            if missing <= 0:
                return max(one.closed + self.kind.window - now, 0.0)
        return self.kind.window if self.kind.window and self.whole else None

    def oldest(self, now: float) -> float:
        """Seconds until the first use leaves the window; 0 when nothing is used."""
        if self._bins:
            return max(self._bins[0].closed + self.kind.window - now, 0.0)
        return self.kind.window if self.used else 0.0

    def change(self, limit: int, words: str) -> None:
        """The limit is another one now. What was free under a higher one counts no more."""
        if limit < self.limit:
            self.give(self.free)
        self.limit, self.words = limit, words
        self.dry = self.begged = NEVER

    def give(self, amount: int) -> None:
        """Take free share, and all that is set aside, out of the process's hands."""
        amount = max(min(amount, self.free), 0)
        self.held -= amount + self.owed
        self.free -= amount
        self.left += amount + self.owed
        self.owed = 0

    def absorb(self) -> None:
        """Hold what was used beyond the share, so that all can see it, until it comes back."""
        if self.free < 0 and not self.kind.money:
            self.held -= self.free
            self.free = 0
        if self.held > self.limit:
            self.give(self.held - self.limit)

    def share(self, now: float, until: float) -> None:
        """Other processes wait: give what is not needed, and for a while half of what comes."""
        self.shared = until
        self.give((self.free + 1) // 2 if self.busy >= now - 1 else self.free)

    def lost(self) -> None:
        """The share is no longer this process's: it holds what it uses, and nothing else."""
        used, told = self.used, self.said.spent if self.said else 0
        self.owed = 0
        self.said, self.dry, self.begged = None, NEVER, NEVER
        if self.kind.money:
            # What was told is kept by the pool.
            self.spent -= told
            self.held, self.free = 0, told - used
        else:
            self.held, self.free = used, 0

    def ask(self) -> Ask:
        """What there is to tell and to ask."""
        kept = self.held - self.spent
        reserved = kept - self.free if self.kind.money else 0
        # A cost above its estimate may have passed the share; the pool hears it as spent.
        return Ask(
            pool=self.pool,
            limit=self.limit,
            window=self.kind.window,
            held=max(kept, 0),
            need=max(self.wanted - self.free, 0) if self.wanted else 0,
            wish=max(self.wish - self.free, 0),
            spent=self.spent,
            reserved=max(reserved, 0),
        )

    def granted(self, grant: Grant) -> None:
        self.held += grant.added
        self.free += grant.added
        self.left, self.others = grant.left, grant.others
        self.low = NEVER if self.whole or grant.added < 4 else grant.added // 4
