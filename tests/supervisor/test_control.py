import asyncio
import contextlib
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError, UnavailableError
from stellwerk.engines.e5.spec import SPEC
from stellwerk.ports.engines import Description, Launch
from stellwerk.supervisor.control import BrokerClient, BrokerLostError, serve_broker
from stellwerk.supervisor.messages import (
    LONGEST,
    Acquire,
    Granted,
    Inspect,
    Inspected,
    answer,
    line,
)
from tests.supervisor.conftest import GIB, Open, model, status_of, until

HOLD = """
import asyncio, sys
from stellwerk.ports.engines import Launch
from stellwerk.supervisor.control import BrokerClient

async def hold():
    async with BrokerClient(sys.argv[1]) as broker, broker.lease(Launch("a", "e5")):
        print("held", flush=True)
        await asyncio.sleep(3600)

asyncio.run(hold())
"""


async def test_a_lease_holds_until_it_is_given_back_and_a_snapshot_shows_it(
    open_broker: Open, tmp_path: Path
) -> None:
    path = tmp_path / "broker"
    async with open_broker() as broker, serve_broker(broker, path), BrokerClient(path) as client:
        async with client.lease(model("a")) as endpoint, client.lease(model("a")) as same:
            assert endpoint == same
            assert Path(endpoint.socket).is_socket()
            assert status_of(broker, "a").leases == 2
            snapshot = await client.snapshot()
        await until(lambda: status_of(broker, "a").leases == 0)
    assert snapshot["budget"] == 4 * GIB
    assert snapshot["used"] == GIB
    [engine] = snapshot["engines"]
    assert (engine["model"], engine["state"], engine["leases"]) == ("a", "ready", 2)


async def test_errors_cross(open_broker: Open, tmp_path: Path) -> None:
    path = tmp_path / "broker"
    async with (
        open_broker(room=0.5) as broker,
        serve_broker(broker, path),
        BrokerClient(path) as client,
    ):
        with pytest.raises(UnavailableError, match=r"engines\.memory") as caught:
            async with client.lease(model("a")):
                raise AssertionError("it is too large")
        assert caught.value.kind is Kind.UNAVAILABLE
        assert caught.value.code == "model_too_large"
        assert caught.value.retry_after is None


async def test_an_unforeseen_failure_is_answered(open_broker: Open, tmp_path: Path) -> None:
    def describe(_: Launch) -> Description:
        raise KeyError("architecture")

    path = tmp_path / "broker"
    async with (
        open_broker(spec=replace(SPEC, describe=describe)) as broker,
        serve_broker(broker, path),
        BrokerClient(path) as client,
    ):
        with pytest.raises(StellwerkError, match="unseen cannot be loaded") as caught:
            async with client.lease(model("unseen")):
                raise AssertionError("it cannot be described")
        assert caught.value.kind is Kind.INTERNAL


async def test_a_launch_that_is_too_long_harms_nobody_else(
    open_broker: Open, tmp_path: Path
) -> None:
    path = tmp_path / "broker"
    async with (
        open_broker() as broker,
        serve_broker(broker, path),
        BrokerClient(path) as client,
        client.lease(model("a")) as endpoint,
    ):
        with pytest.raises(InvalidRequestError, match="4194304 is the limit"):
            async with client.lease(model("b", options={"words": "x" * LONGEST})):
                raise AssertionError("it is too long")
        async with client.lease(model("a")) as same:
            assert same == endpoint
            assert status_of(broker, "a").leases == 2


@pytest.mark.parametrize(
    "noise", [b"x" * (LONGEST + 2**20), b"{}", b'{"type": "Acquire"}', b"\xff"]
)
async def test_what_is_not_understood_cuts_no_connection(
    open_broker: Open, tmp_path: Path, noise: bytes
) -> None:
    path = tmp_path / "broker"
    async with open_broker() as broker, serve_broker(broker, path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line(Acquire(1, model("a"))) + noise + b"\n" + line(Inspect(2)))
        assert isinstance(answer(await reader.readline()), Inspected)
        assert isinstance(answer(await reader.readline()), Granted)
        assert status_of(broker, "a").leases == 1
        writer.close()


async def test_options_cross(open_broker: Open, tmp_path: Path) -> None:
    path = tmp_path / "broker"
    launch = model("a", options={"deep": {"list": [1, "two", None]}, "flag": True})
    async with (
        open_broker(room=0.5) as broker,
        serve_broker(broker, path),
        BrokerClient(path) as client,
    ):
        with pytest.raises(UnavailableError, match=r"engines\.memory"):
            async with client.lease(launch):
                raise AssertionError("it is too large")
        [place] = broker._places.values()
        assert place.launch == launch
        assert place.key == launch.key


async def test_a_hub_that_is_killed_gives_its_leases_back(
    open_broker: Open, tmp_path: Path
) -> None:
    path = tmp_path / "broker"
    async with open_broker() as broker, serve_broker(broker, path):
        hub = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLD, str(path), stdout=asyncio.subprocess.PIPE
        )
        assert hub.stdout
        assert await hub.stdout.readline() == b"held\n"
        assert status_of(broker, "a").leases == 1
        hub.send_signal(signal.SIGKILL)
        await hub.wait()
        await until(lambda: status_of(broker, "a").leases == 0)


async def test_who_gives_up_waiting_leaves_the_line(open_broker: Open, tmp_path: Path) -> None:
    path = tmp_path / "broker"
    async with (
        open_broker(room=1.5, swap_after=1000) as broker,
        serve_broker(broker, path),
        BrokerClient(path) as client,
        client.lease(model("a")),
    ):
        waiting = asyncio.create_task(client.lease(model("b")).__aenter__())
        await until(lambda: status_of_or_none(broker, "b") == 1)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        await until(lambda: status_of_or_none(broker, "b") == 0)


def status_of_or_none(broker: object, name: str) -> int | None:
    """How many wait for a model, once the broker knows it."""
    with contextlib.suppress(ValueError):
        return status_of(broker, name).waiting  # type: ignore[arg-type]
    return None


async def test_a_broker_that_is_away_is_told_and_found_again(
    open_broker: Open, tmp_path: Path
) -> None:
    path = tmp_path / "broker"
    async with open_broker() as broker, BrokerClient(path) as client:
        with pytest.raises(BrokerLostError) as caught:
            await client.snapshot()
        assert caught.value.retry_after
        async with serve_broker(broker, path), client.lease(model("a")):
            pass
        with pytest.raises(BrokerLostError):
            await client.snapshot()
        path.unlink(missing_ok=True)
        async with serve_broker(broker, path), client.lease(model("a")):
            assert status_of(broker, "a").leases == 1


async def test_who_waits_is_told_when_the_broker_goes(open_broker: Open, tmp_path: Path) -> None:
    path = tmp_path / "broker"
    async with (
        open_broker(room=1.5, swap_after=1000) as broker,
        BrokerClient(path) as client,
        broker.lease(model("a")),
    ):
        async with serve_broker(broker, path):
            waiting = asyncio.create_task(client.lease(model("b")).__aenter__())
            await until(lambda: status_of_or_none(broker, "b") == 1)
        with pytest.raises(BrokerLostError):
            await waiting
        assert status_of(broker, "b").waiting == 0
