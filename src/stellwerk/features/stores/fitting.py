"""What a store learns of itself as it is filled: the length of its vectors, and its languages."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stellwerk.features.stores.errors import OtherModelError
from stellwerk.features.stores.tables import stores


@dataclass(frozen=True, slots=True)
class Form:
    """Lengths of vectors, where there are any, and PostgreSQL's names of languages."""

    width: int | None
    vision_width: int | None
    languages: frozenset[str]


async def fit(
    connection: AsyncConnection, store_id: str, models: tuple[str, str | None], new: Form
) -> bool:
    """Keep the store from being deleted until the transaction ends; False when it is gone.

    The first vectors of a store decide how long all of them are: raises `OtherModelError`.

    Whoever deletes a store locks it first and then the files in it. So does everyone who writes:
    the other way round, each could wait for the other.
    """
    row = await _held(connection, store_id, alone=False)
    if row is not None and _changes(row, models, new):
        # Another may do the same now, so it is looked at once more when that has ended.
        row = await _held(connection, store_id, alone=True)
        if row is not None and (values := _changes(row, models, new)):
            await connection.execute(update(stores).where(stores.c.id == store_id).values(values))
    return row is not None


async def _held(connection: AsyncConnection, store_id: str, *, alone: bool) -> Any:
    query = select(stores.c.width, stores.c.vision_width, stores.c.languages)
    query = query.where(stores.c.id == store_id)
    held = query.with_for_update(read=not alone, key_share=True)
    row: Any = (await connection.execute(held)).one_or_none()
    return row


def _changes(row: Any, models: tuple[str, str | None], new: Form) -> dict[str, Any]:
    values: dict[str, Any] = {}
    widths = ((row.width, new.width), (row.vision_width, new.vision_width))
    for name, model, (known, width) in zip(("width", "vision_width"), models, widths, strict=True):
        if known is None and width is not None:
            values[name] = width
        elif width not in {None, known}:
            raise OtherModelError(model or name)
    if not new.languages <= set(row.languages):
        values["languages"] = sorted(new.languages | set(row.languages))
    return values
