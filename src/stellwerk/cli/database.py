"""What commands do on the database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from stellwerk.cli.options import failures, say

if TYPE_CHECKING:
    from stellwerk.base.settings import Settings
    from stellwerk.data.database import Database

T = TypeVar("T")


def on_database(
    read: "Settings", work: "Callable[[Database], Awaitable[T]]", *, first: bool = False
) -> T:
    """Do `work` on the database of these settings. Only the `first` command may make one."""
    from stellwerk.compose.database import check_made, open_database

    async def run() -> T:
        async with open_database(read, report=say) as database:
            return await work(database)

    with failures():
        if not first:
            check_made(read)
        return asyncio.run(run())
