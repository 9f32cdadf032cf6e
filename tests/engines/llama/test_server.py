"""The child process: how it starts, whom it serves, and what it leaves when it ends."""

import asyncio
from pathlib import Path

import pytest

from tests.engines.child import LIMIT, connect, running, start
from tests.engines.llama.conftest import TINY, Client, user


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no weights"])
def test_broken_weights_are_said_to_be(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "weights.gguf"
    file.write_bytes(content)
    child = start("llama", tmp_path, file)
    assert "weights.gguf" in child.first_word()["error"]
    assert child.end() == 1


def test_cut_weights_are_said_to_be(tmp_path: Path, weights: Path) -> None:
    file = tmp_path / "weights.gguf"
    with (weights / TINY).open("rb") as whole:
        file.write_bytes(whole.read(4_000_000))
    child = start("llama", tmp_path, file)
    assert "error" in child.first_word()
    assert child.end() == 1


def test_a_wrong_option_is_said_to_be(tmp_path: Path, weights: Path) -> None:
    child = start("llama", tmp_path, weights / TINY, slot=2)
    assert "slot" in child.first_word()["error"]
    assert child.end() == 1


async def test_only_who_knows_the_secret_is_served(tiny_socket: Path) -> None:
    async with connect(tiny_socket, "guessed") as session:
        status, _ = await Client(session).send("/v1/chat/completions", {})
        assert status == 401


def test_a_clean_end_leaves_nothing(tmp_path: Path, weights: Path) -> None:
    child = start("llama", tmp_path, weights / TINY, context=256, slots=1)
    assert child.first_word() == {"ready": True}
    assert child.socket.exists()
    child.process.terminate()
    assert child.process.wait(LIMIT) == 0
    child.end()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [20, 6000])
async def test_a_client_that_hangs_up_frees_the_slot(
    tmp_path: Path, weights: Path, words: int
) -> None:
    """In mid-answer, and while a long prompt is still being read."""
    endless = {
        "messages": [user("word " * words)],
        "max_tokens": 2000,
        "logit_bias": {"2": -100},
        "stream": True,
    }
    with running("llama", tmp_path, weights / TINY, slots=1) as child:
        async with asyncio.timeout(LIMIT), connect(child.socket) as session:
            client = Client(session)
            await client.chat(user("hi"), max_tokens=1)
            gone = asyncio.create_task(client.stream("/v1/chat/completions", **endless))
            await asyncio.sleep(2)
            assert not gone.done()
            gone.cancel()
            # The one slot would be taken for minutes if the engine went on.
            async with asyncio.timeout(30):
                assert await client.chat(user("hi"), max_tokens=1)


async def test_more_requests_than_slots_wait_their_turn(tiny: Client) -> None:
    asked = [tiny.chat(user(f"Say {n}."), max_tokens=4) for n in range(10)]
    answers = await asyncio.gather(*asked)
    assert [answer["usage"]["completion_tokens"] <= 4 for answer in answers] == [True] * 10
