"""Sums of the usage. Full hours come from `usage_hours`, the parts of an hour from the rows.

So a question costs as many rows as there are hours and groups in it, however many requests those
were.
"""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    Subquery,
    Table,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.settings import UsageSettings
from stellwerk.data.database import Database
from stellwerk.features.keys.tables import api_keys, projects
from stellwerk.features.usage.errors import UnknownGroupError
from stellwerk.features.usage.question import EARLIEST, LARGEST_PAGE, Question
from stellwerk.features.usage.report import Report, Total, group_at, total
from stellwerk.features.usage.tables import usage, usage_hours
from stellwerk.features.usage.totals import FIRST_ERROR, Sums

HOUR = timedelta(hours=1)
SPAN = timedelta(days=30)
GROUPED = {"key": "key_id", "project": "project_id"} | {
    name: name for name in ("model", "target", "operation")
}
OWNERS: dict[str, tuple[Table, str]] = {"key": (api_keys, "key_"), "project": (projects, "proj_")}


class Usage:
    """What was used, added up."""

    def __init__(self, database: Database, settings: UsageSettings) -> None:
        self._database = database
        self._settings = settings

    @property
    def currency(self) -> str:
        """The currency of all costs."""
        return self._settings.currency

    async def report(
        self, question: Question, *, limit: int = LARGEST_PAGE, after: str | None = None
    ) -> Report:
        """The first `limit` groups, or those after the place `after`.

        Raises `UnknownGroupError` for a key, project or place that does not exist, and
        `InvalidRequestError` for a span without any time in it.
        """
        start, end = self._span(question)
        async with self._database.connect() as connection:
            kept = await _filters(connection, question)
            query = _grouped(_source(start, end, kept), question.group_by, limit + 1, after)
            found = [row._asdict() for row in await connection.execute(query)]
        data = [total(values, question.group_by) for values in found[:limit]]
        return Report(
            start=start,
            end=end,
            currency=self.currency,
            data=data,
            first_id=data[0].id if data else None,
            last_id=data[-1].id if data else None,
            has_more=len(found) > limit,
        )

    async def everything(self, question: Question) -> AsyncGenerator[list[Total]]:
        """All groups, page by page. Raises what `report` raises."""
        start, end = self._span(question)
        fixed = question.model_copy(update={"start": start, "end": end})
        page = await self.report(fixed)
        yield page.data
        while page.has_more:
            page = await self.report(fixed, after=page.last_id)
            yield page.data

    def _span(self, question: Question) -> tuple[datetime, datetime]:
        """The moments between which to count.

        Of hours whose rows are gone only the whole is known, so these count as a whole.
        """
        end = question.end or datetime.now(UTC)
        start = question.start or max(end - SPAN, EARLIEST)
        if start >= end:
            param = "end" if question.end else "start"
            message = f"`{param}`: the span from {start:%FT%TZ} to {end:%FT%TZ} holds no time."
            raise InvalidRequestError(message, param=param)
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        oldest_row = today - timedelta(days=self._settings.retention_days)
        whole = (_hour(start), _next_hour(end))
        return (
            whole[0] if start < oldest_row else start,
            whole[1] if end < oldest_row else end,
        )


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _next_hour(moment: datetime) -> datetime:
    """The first full hour at or after `moment`."""
    hour = _hour(moment)
    return hour if hour == moment else hour + HOUR


async def _filters(connection: AsyncConnection, question: Question) -> dict[str, list[str]]:
    """Column -> the values of it that count."""
    kept = {"model": [question.model]} if question.model else {}
    for param, (table, prefix) in OWNERS.items():
        if wanted := getattr(question, param):
            matches = or_(table.c.id == wanted, table.c.name == wanted)
            ids = list(await connection.scalars(select(table.c.id).where(matches)))
            if not ids and not wanted.startswith(prefix):
                raise UnknownGroupError(
                    f"`{param}`: no {param} has the id or name {wanted!r}.", param=param
                )
            # Usage outlives what used it.
            kept[GROUPED[param]] = ids or [wanted]
    return kept


def _source(start: datetime, end: datetime, kept: dict[str, list[str]]) -> Subquery:
    """Rows of totals to add up."""
    first, last = _next_hour(start), _hour(end)
    if first >= last:
        return _rows(start, end, kept).subquery()
    parts = [_hours(first, last, kept)]
    parts += [_rows(start, first, kept)] if start < first else []
    parts += [_rows(last, end, kept)] if last < end else []
    return union_all(*parts).subquery()


def _hours(start: datetime, end: datetime, kept: dict[str, list[str]]) -> Select[Any]:
    sums = [usage_hours.c[name] for name in Sums._fields]
    return _part(usage_hours, usage_hours.c.hour, sums, start, end, kept)


def _rows(start: datetime, end: datetime, kept: dict[str, list[str]]) -> Select[Any]:
    counted: dict[str, ColumnElement[Any]] = {
        "requests": literal(1),
        "errors": cast(usage.c.status >= FIRST_ERROR, Integer),
        "estimated": cast(usage.c.estimated, Integer),
    }
    sums = [
        (counted[name] if name in counted else usage.c[name]).label(name) for name in Sums._fields
    ]
    return _part(usage, usage.c.time, sums, start, end, kept)


def _part(
    table: Table,
    time: ColumnElement[datetime],
    sums: list[Any],
    start: datetime,
    end: datetime,
    kept: dict[str, list[str]],
) -> Select[Any]:
    day = cast(func.timezone("UTC", time), Date).label("day")
    groups = [table.c[column].label(name) for name, column in GROUPED.items()]
    wanted = [table.c[column].in_(values) for column, values in kept.items()]
    return select(day, *groups, *sums).where(time >= start, time < end, *wanted)


def _grouped(
    source: Subquery, groups: tuple[str, ...], limit: int, after: str | None
) -> Select[Any]:
    columns = [source.c[name] for name in groups]
    sums = [func.coalesce(func.sum(source.c[name]), 0).label(name) for name in Sums._fields]
    query = select(*columns, *sums).group_by(*columns).order_by(*columns).limit(limit)
    if after is not None:
        place = group_at(after, groups)
        # Without groups there is one total, and nothing after it.
        query = query.where(tuple_(*columns) > tuple_(*place)) if groups else query.having(false())
    return _named(query.subquery(), groups)


def _named(grouped: Subquery, groups: tuple[str, ...]) -> Select[Any]:
    """With the names of keys and projects, which are looked up for this page alone."""
    query = select(grouped)
    for name, (table, _) in OWNERS.items():
        if name in groups:
            query = query.outerjoin(table, table.c.id == grouped.c[name])
            query = query.add_columns(table.c.name.label(f"{name}_name"))
    return query.order_by(*(grouped.c[name] for name in groups))
