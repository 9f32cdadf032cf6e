"""Keeps a process's shares: renews, asks, reports and gives back, away from the requests."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from sqlalchemy.exc import DBAPIError

from stellwerk.base.log import get_logger
from stellwerk.data.errors import DatabaseUnavailableError
from stellwerk.features.limits.cells import Cells
from stellwerk.features.limits.errors import LimitsUnavailableError
from stellwerk.features.limits.ledger import Exchange, Ledger
from stellwerk.features.limits.process import Process
from stellwerk.features.limits.types import Ask, Grant
from stellwerk.features.limits.window import NEVER, Cell

log = get_logger("limits")

AWAY = (DatabaseUnavailableError, DBAPIError, OSError, TimeoutError)

# Seconds: between two exchanges with nothing urgent; for one exchange at most; after which an
# unused share is given back, among several processes and alone; between burials.
INTERVAL, PATIENCE, IDLE, IDLE_ALONE, BURIALS = 1.0, 5.0, 5.0, 600.0, 15.0
# Seconds: for which a pool that gave nothing is not asked again; for which others may take to give
# what they do not need, how long they then go on giving half, and when requests wait for it again.
DRY, BEGGING, SHARING, PEACE = 0.5, 0.6, 3.0, 3.0
# Cells of one exchange: a transaction that locks thousands of pools would hold up the others.
MOST = 500


class Leases:
    """The shares that this process holds. `until` is when they end unless they are renewed."""

    def __init__(self, ledger: Ledger, cells: Cells, grace: float) -> None:
        self._ledger = ledger
        self._cells = cells
        self._grace = grace
        self._process = Process.this()
        self._before: Process | None = None
        self._alone = False
        self._wake = asyncio.Event()
        self._next: asyncio.Future[bool] | None = None
        self._buried = NEVER
        self._seen_away = False
        self._ticked = NEVER
        self.until = NEVER

    async def open(self) -> None:
        sent = monotonic()
        await self._ledger.enter(self._process)
        self.until = sent + self._grace
        await self._exchange()

    async def close(self) -> None:
        """Give everything back that was not used."""
        for cell in self._cells:
            cell.roll(monotonic())
            cell.wanted = cell.wish = 0
            cell.give(cell.free)
        told = [ask for cell in self._cells if (ask := cell.ask()) != cell.said]
        try:
            async with asyncio.timeout(PATIENCE):
                await self._ledger.leave(self._process, told)
        except AWAY as error:
            log.warning("limits are not given back; they will be free later", reason=str(error))
        self.until = NEVER

    async def keep(self) -> None:
        """Exchange with the database until cancelled."""
        while True:
            left = self._ticked + INTERVAL - monotonic()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(left, 0))
            self._wake.clear()
            self._tick(monotonic())
            waiting, self._next = self._next, None
            reached = await self._try()
            if waiting is not None and not waiting.done():
                waiting.set_result(reached)

    def ahead(self, cell: Cell) -> None:
        """Not much is left: ask for more before it is needed."""
        cell.low = NEVER
        cell.wanted, cell.wish = max(cell.free, 0) + 1, max(cell.free, 0) + 1
        self._wake.set()

    def refused(self, cell: Cell, amount: int) -> None:
        """Somebody would use more: the next exchange asks again."""
        if not cell.whole and amount <= cell.limit:
            cell.wanted = min(cell.wanted, amount) if cell.wanted else amount

    def wanted(self, message: str) -> None:
        """Another process (`message`: its id and the pool) waits for a part of a limit."""
        sender, _, pool = message.partition(" ")
        cell = self._cells.get(pool)
        if cell is None or sender == self._process.id:
            return
        now = monotonic()
        cell.roll(now)
        held = cell.held
        cell.share(now, now + SHARING)
        if cell.held != held:
            self._wake.set()

    async def lease(self, short: Sequence[tuple[Cell, int]]) -> None:
        """Ask for what is missing and wait for the answer. Raises `LimitsUnavailableError`."""
        for cell, amount in short:
            cell.wanted = min(cell.wanted, amount) if cell.wanted else amount
            cell.wish += amount
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        self._wake.set()
        if not await asyncio.shield(self._next):
            raise LimitsUnavailableError

    def _tick(self, now: float) -> None:
        if now < self._ticked + INTERVAL:
            return
        self._ticked = now
        idle = IDLE_ALONE if self._alone else IDLE
        for cell in self._cells:
            cell.roll(now)
            if cell.retired or now > cell.busy + idle:
                cell.give(cell.free)
            elif now > cell.shared:
                cell.shared = NEVER
        self._cells.drop()

    async def _try(self) -> bool:
        """Whether the database could be reached."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._exchange()
                await self._bury()
        except AWAY as error:
            if not self._seen_away:
                log.warning("limits are served from what is held", reason=str(error))
            self._seen_away = True
            return False
        self._seen_away = False
        return True

    async def _exchange(self) -> None:
        telling = self._telling()
        sent = monotonic()
        answer = await self._ledger.exchange(self._process, list(telling.values()))
        if answer is None:
            await self._enter_anew()
            return
        self.until = sent + self._grace
        self._alone = not answer.others
        for cell, ask in telling.items():
            self._heard(cell, ask, answer.grants[cell.pool])
        self._cells.turn(answer.now)
        if self._before is not None and len(telling) < MOST:
            await self._ledger.forget(self._before)
            self._before = None
        await self._find_dead(answer)

    def _telling(self) -> dict[Cell, Ask]:
        telling: dict[Cell, Ask] = {}
        for cell in self._cells:
            cell.absorb()
            if cell.owed:
                cell.give(0)
            ask = cell.ask()
            if ask != cell.said and (ask.need or cell.said is not None or ask.held or ask.spent):
                telling[cell] = ask
                cell.wanted = cell.wish = 0
            if len(telling) == MOST:
                self._wake.set()
                break
        return telling

    @staticmethod
    def _heard(cell: Cell, ask: Ask, grant: Grant) -> None:
        cell.granted(grant)
        cell.said = Ask(
            ask.pool,
            ask.limit,
            ask.window,
            ask.held + grant.added,
            spent=ask.spent,
            reserved=ask.reserved,
        )
        if not ask.need:
            return
        now = monotonic()
        if grant.added:
            cell.dry = NEVER
        elif not grant.others or now > cell.begged:
            if grant.others and now > cell.begged + PEACE:
                # The others have just been asked to give what they do not need.
                cell.begged = now + BEGGING
            else:
                cell.dry = now + DRY

    async def _enter_anew(self) -> None:
        """The process's time ran out: others may have its shares."""
        self._before, self._process = self._process, Process.this()
        for cell in self._cells:
            cell.lost()
        sent = monotonic()
        await self._ledger.enter(self._process)
        self.until = sent + self._grace
        self._wake.set()
        log.warning("shares of limits were lost while the database was away")

    async def _find_dead(self, answer: Exchange) -> None:
        for other in answer.others:
            if other.machine == self._process.machine and other.gone():
                log.info("a process has ended without giving its limits back", pid=other.pid)
                await self._ledger.ended(other)

    async def _bury(self) -> None:
        now = monotonic()
        if now > self._buried + BURIALS:
            self._buried = now
            await self._ledger.bury()
