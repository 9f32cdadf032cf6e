import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from stellwerk.base.errors import UnavailableError
from stellwerk.engines.e5.spec import SPEC
from stellwerk.ports.engines import Description, Endpoint, Launch
from stellwerk.supervisor.broker import LocalBroker
from stellwerk.supervisor.broker_errors import (
    ClosedError,
    EngineDownError,
    LoadTimeoutError,
    TooLargeError,
    UnknownEngineError,
    WeightsError,
)
from stellwerk.supervisor.policy import State
from tests.supervisor.conftest import GIB, Open, engines, model, status_of, until


async def use(broker: LocalBroker, name: str) -> Endpoint:
    async with broker.lease(model(name)) as endpoint:
        return endpoint


async def answers(endpoint: Endpoint) -> bool:
    connector = aiohttp.UnixConnector(endpoint.socket)
    headers = {"Authorization": f"Bearer {endpoint.secret}"}
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as session,
        session.post("http://e/v1/embeddings", json={"model": "m", "input": "a"}) as answer,
    ):
        return answer.status == 200


def loaded(broker: LocalBroker) -> set[str]:
    return {status.model for status in broker.snapshot().engines if status.state == "ready"}


async def test_many_first_requests_start_one_engine(open_broker: Open) -> None:
    async with open_broker() as broker:
        endpoints = await asyncio.gather(*(use(broker, "a") for _ in range(50)))
        assert len(set(endpoints)) == 1
        assert len(engines()) == 1
        assert await answers(endpoints[0])
        assert status_of(broker, "a").leases == 0


async def test_an_engine_is_not_told_our_settings(
    open_broker: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STELLWERK_DATABASE__URL", "postgresql://user:password@host/name")
    async with open_broker() as broker:
        await use(broker, "a")
        [engine] = engines()
        assert not [name for name in engine.environ() if name.startswith("STELLWERK")]
        assert "PATH" in engine.environ()


async def test_the_longest_unused_idle_model_makes_room(open_broker: Open) -> None:
    async with open_broker(room=2) as broker:
        for name in "aba":
            await use(broker, name)
        assert loaded(broker) == {"a", "b"}
        await use(broker, "c")
        assert loaded(broker) == {"a", "c"}
        assert broker.snapshot().used == 2 * GIB


async def test_a_model_in_use_is_not_stopped(open_broker: Open) -> None:
    async with open_broker(room=1.5, swap_after=1000) as broker:
        async with broker.lease(model("a")) as endpoint:
            waiting = asyncio.create_task(use(broker, "b"))
            await asyncio.sleep(0.5)
            assert not waiting.done()
            assert await answers(endpoint)
            # It takes new requests, too: nobody has waited long.
            assert await use(broker, "a") == endpoint
        await waiting
        assert loaded(broker) == {"b"}


async def test_steady_traffic_on_two_models_takes_turns(open_broker: Open) -> None:
    seen: dict[str, set[Endpoint]] = {"a": set(), "b": set()}

    async def steady(broker: LocalBroker, name: str) -> None:
        while True:
            async with broker.lease(model(name)) as endpoint:
                seen[name].add(endpoint)
                await asyncio.sleep(0.1)

    async with open_broker(room=1.5, swap_after=0.2) as broker:
        # Two streams for each model: one of them always holds a lease.
        streams = [asyncio.create_task(steady(broker, name)) for name in "aabb"]
        await until(lambda: len(seen["a"]) > 1 and seen["b"])
        await until(lambda: len(seen["b"]) > 1)
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
    assert {endpoint.socket for endpoint in seen["a"]}.isdisjoint(
        endpoint.socket for endpoint in seen["b"]
    )


async def test_a_model_that_drains_takes_no_new_requests(open_broker: Open) -> None:
    async with open_broker(room=1.5, swap_after=0) as broker:
        async with broker.lease(model("a")) as first:
            other = asyncio.create_task(use(broker, "b"))
            await until(lambda: status_of(broker, "a").state == "draining")
            same = asyncio.create_task(use(broker, "a"))
            await asyncio.sleep(0.2)
            assert not same.done()
            assert await answers(first)
        await other
        assert (await same).socket != first.socket


async def test_who_gives_up_leaves_the_line(open_broker: Open) -> None:
    async with open_broker(room=1.5, swap_after=0) as broker:
        async with broker.lease(model("a")) as endpoint:
            waiting = asyncio.create_task(use(broker, "b"))
            await until(lambda: status_of(broker, "a").state == "draining")
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting
            assert status_of(broker, "b").waiting == 0
            assert status_of(broker, "a").state == "ready"
            assert await use(broker, "a") == endpoint
        assert loaded(broker) == {"a"}


async def test_a_lease_that_is_granted_to_somebody_gone_comes_back(open_broker: Open) -> None:
    async with open_broker() as broker:
        await use(broker, "a")
        place = broker._places[model("a").key]
        assert place.engine
        place.engine.state = State.STOPPING
        waiting = asyncio.create_task(use(broker, "a"))
        await until(lambda: place.waiters)
        place.engine.state = State.READY
        place.serve_waiters(0.0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        assert status_of(broker, "a").leases == 0


async def test_a_wait_for_memory_ends(open_broker: Open) -> None:
    async with (
        open_broker(room=1.5, swap_after=1000, load_timeout=0.5) as broker,
        held(broker, "a"),
    ):
        with pytest.raises(LoadTimeoutError, match=r"engines\.load_timeout") as caught:
            await use(broker, "b")
        assert caught.value.retry_after
        assert status_of(broker, "b").waiting == 0


@contextlib.asynccontextmanager
async def held(broker: LocalBroker, name: str) -> AsyncIterator[Endpoint]:
    """A lease; loading may take longer than the broker lets a request wait."""
    while True:
        with contextlib.suppress(LoadTimeoutError):
            async with broker.lease(model(name)) as endpoint:
                yield endpoint
                return


async def test_a_model_larger_than_all_memory_is_refused_at_once(open_broker: Open) -> None:
    async with open_broker(room=0.5) as broker:
        with pytest.raises(TooLargeError, match=r"engines\.memory") as caught:
            await use(broker, "a")
        assert "1.0GiB" in caught.value.message
        assert "512.0MiB" in caught.value.message
        assert caught.value.retry_after is None


async def test_a_crash_is_told_and_mended(open_broker: Open) -> None:
    async with open_broker() as broker:
        async with broker.lease(model("a")) as first:
            engines()[0].kill()
            await until(lambda: status_of(broker, "a").state == "backoff")
            with pytest.raises(EngineDownError, match="signal SIGKILL") as caught:
                await use(broker, "a")
            assert caught.value.retry_after == 1
            with pytest.raises(aiohttp.ClientError):
                await answers(first)
        # Nobody asks for it: it comes back by itself.
        await until(lambda: loaded(broker) == {"a"})
        second = await use(broker, "a")
        assert second.socket != first.socket
        assert await answers(second)


async def test_what_the_engine_says_of_bad_weights_reaches_the_caller(
    open_broker: Open, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.bin"
    bad.write_bytes(b"nothing")
    async with open_broker() as broker:
        launch = model("a", files=(str(bad),))
        with pytest.raises(EngineDownError, match=r"bad\.bin does not hold weights"):
            async with broker.lease(launch):
                raise AssertionError("it cannot be loaded")
        assert broker.snapshot().used == 0
        with pytest.raises(UnavailableError, match="does not hold weights") as caught:
            async with broker.lease(launch):
                raise AssertionError("it is left alone")
        assert caught.value.retry_after


async def test_a_start_that_fails_in_an_unforeseen_way_is_left_alone_too(
    open_broker: Open,
) -> None:
    async with open_broker() as broker:
        # Options come from JSON; these cannot be written as such.
        launch = model("a", options={"wheel": object()})
        with pytest.raises(EngineDownError, match="could not be loaded") as caught:
            async with broker.lease(launch):
                raise AssertionError("it cannot be started")
        assert caught.value.retry_after
        assert status_of(broker, "a").state == "backoff"
        assert broker.snapshot().used == 0


async def test_missing_weights_are_named(open_broker: Open) -> None:
    async with open_broker(spec=SPEC) as broker:
        with pytest.raises(WeightsError, match=r"/none\.bin"):
            async with broker.lease(model("a", files=("/none.bin",))):
                raise AssertionError("it cannot be loaded")


async def test_broken_weights_are_named(open_broker: Open) -> None:
    def describe(_: Launch) -> Description:
        raise ValueError("the header of /w.gguf ends early.")

    async with open_broker(spec=replace(SPEC, describe=describe)) as broker:
        with pytest.raises(WeightsError, match=r"^broken .*: the header of /w.gguf ends early\.$"):
            await use(broker, "broken")


async def test_an_engine_that_nobody_knows(open_broker: Open) -> None:
    async with open_broker() as broker:
        with pytest.raises(UnknownEngineError, match="'steam'"):
            async with broker.lease(replace(model("a"), engine="steam")):
                raise AssertionError("there is no such engine")


async def test_what_is_measured_is_kept(open_broker: Open) -> None:
    async with open_broker(spec=SPEC, measure_every=0.05) as broker:
        await use(broker, "unseen")
        status = status_of(broker, "unseen")
        assert status.measured
        # Less than the weights let expect: they are read as far as they are used.
        assert 20 * 2**20 < status.footprint < SPEC.describe(model("unseen")).footprint
    async with open_broker(spec=SPEC, room=0.01) as broker:
        with pytest.raises(TooLargeError):
            await use(broker, "unseen")


async def test_closing_ends_who_loads_and_tells_who_waits(open_broker: Open) -> None:
    async with open_broker(room=1.5) as broker:
        loading = [asyncio.create_task(use(broker, name)) for name in "ab"]
        await until(engines)
    for task in loading:
        with pytest.raises(ClosedError):
            await task
    with pytest.raises(ClosedError):
        await use(broker, "a")


@pytest.fixture(autouse=True)
def no_engine_is_left() -> Iterator[None]:
    yield
    assert engines() == []
