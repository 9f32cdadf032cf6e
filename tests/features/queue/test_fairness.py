"""Whose turn it is."""

from sqlalchemy import insert

from stellwerk.data.database import Database
from stellwerk.features.keys.tables import projects
from stellwerk.features.queue.claims import Claims
from stellwerk.features.queue.service import Queue
from stellwerk.features.queue.tables import queue_projects
from tests.features.queue.conftest import done, new, room


async def claimed(claims: Claims, number: int) -> list[str]:
    """The keys whose requests are claimed and done, one after the other."""
    keys: list[str] = []
    for _ in range(number):
        [job] = await claims.claim(room())
        await claims.finish([done(job)])
        keys.append(job.key_id)
    return keys


async def test_one_request_comes_right_after_those_that_run(queue: Queue, claims: Claims) -> None:
    for _ in range(20):
        await queue.submit(new("key_many"))
    assert await claimed(claims, 5) == ["key_many"] * 5
    await queue.submit(new("key_one"))
    assert await claimed(claims, 2) == ["key_one", "key_many"]


async def test_keys_take_turns(queue: Queue, claims: Claims) -> None:
    for key in ("key_a", "key_b", "key_c"):
        for _ in range(4):
            await queue.submit(new(key))
    order = await claimed(claims, 12)
    for turn in range(4):
        assert set(order[turn * 3 : turn * 3 + 3]) == {"key_a", "key_b", "key_c"}


async def test_what_a_key_had_is_forgotten_when_the_line_was_empty(
    queue: Queue, claims: Claims
) -> None:
    for _ in range(9):
        await queue.submit(new("key_a"))
    await claimed(claims, 9)
    for key in ("key_a", "key_b", "key_a", "key_b"):
        await queue.submit(new(key))
    order = await claimed(claims, 4)
    assert sorted(order[:2]) == ["key_a", "key_b"]


async def test_a_key_that_comes_back_at_once_does_not_pass_by(queue: Queue, claims: Claims) -> None:
    for _ in range(6):
        await queue.submit(new("key_many"))
    order: list[str] = []
    for _ in range(3):
        for _ in range(2):
            await queue.submit(new("key_again"))
        order += await claimed(claims, 2)
    assert order.count("key_many") == 3


async def test_the_more_urgent_goes_first_as_far_as_the_project_may(
    database: Database, queue: Queue, claims: Claims
) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(projects).values(id="proj_u", name="urgent"))
        await connection.execute(insert(queue_projects).values(project_id="proj_u", urgency=1))
    await queue.submit(new("key_low", urgency=6))
    await queue.submit(new("key_plain", urgency=0))
    await queue.submit(new("key_normal"))
    await queue.submit(new("key_urgent", urgency=0, project_id="proj_u"))
    assert await claimed(claims, 4) == ["key_urgent", "key_plain", "key_normal", "key_low"]


async def test_a_weight_is_a_share(database: Database, queue: Queue, claims: Claims) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(projects).values(id="proj_3", name="three"))
        await connection.execute(insert(queue_projects).values(project_id="proj_3", weight=3))
    for _ in range(12):
        await queue.submit(new("key_one"))
        await queue.submit(new("key_three", project_id="proj_3"))
    assert (await claimed(claims, 12)).count("key_three") == 9


async def test_resting_keys_are_passed_by(queue: Queue, claims: Claims) -> None:
    await queue.submit(new("key_resting"))
    await queue.submit(new("key_b"))
    [job] = await claims.claim(room(5, resting=[("key_resting", "m"), ("key_b", "other")]))
    assert job.key_id == "key_b"


async def test_where_a_request_stands(queue: Queue, claims: Claims) -> None:
    first = await queue.submit(new())
    last = await queue.submit(new())
    standing = await queue.standing(await queue.get("key_a", last))
    assert (standing.before, standing.seconds) == (1, None)
    await claims.finish([done(job) for job in await claims.claim(room())])
    standing = await queue.standing(await queue.get("key_a", last))
    assert standing.before == 0
    assert standing.seconds is not None
    assert first != last
