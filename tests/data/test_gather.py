import asyncio
from collections.abc import Sequence

import pytest

from stellwerk.data.gather import Gather


async def test_what_comes_during_a_write_travels_together() -> None:
    batches: list[list[int]] = []
    go = asyncio.Event()

    async def write(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        await go.wait()
        return [item * 10 for item in items]

    async with Gather(write, 3) as gather:
        waiting = [asyncio.create_task(gather.submit(number)) for number in range(6)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        go.set()
        assert await asyncio.gather(*waiting) == [0, 10, 20, 30, 40, 50]
    assert [len(batch) for batch in batches] == [3, 3]
    assert await gather.submit(7) == 70


async def test_a_failure_is_told_to_all_of_its_batch_and_to_no_other() -> None:
    async def write(items: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        if 1 in items:
            raise ValueError("one")
        return list(items)

    gather = Gather(write, 2)
    results = await asyncio.gather(
        *(gather.submit(number) for number in range(4)), return_exceptions=True
    )
    assert [type(result) for result in results] == [ValueError, ValueError, int, int]


async def test_who_gave_up_is_written_all_the_same() -> None:
    written: list[int] = []

    async def write(items: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        written.extend(items)
        return list(items)

    gather = Gather(write, 10)
    given_up = asyncio.create_task(gather.submit(1))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await gather.submit(2) == 2
    assert written == [1, 2]
