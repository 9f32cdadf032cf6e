import struct
from pathlib import Path

import pytest

from stellwerk.engines.llama.gguf import BrokenWeightsError, read_header
from tests.engines.llama.conftest import TINY

STRING, ARRAY, UINT32, FLOAT32, BOOL = 8, 9, 4, 6, 7


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def number(value: int) -> bytes:
    return struct.pack("<I", value)


def words(*values: str) -> bytes:
    return struct.pack("<IQ", STRING, len(values)) + b"".join(map(text, values))


def numbers(*values: int) -> bytes:
    return struct.pack("<IQ", UINT32, len(values)) + b"".join(map(number, values))


PAIRS = (
    pair("general.architecture", STRING, text("test")),
    pair("test.context_length", UINT32, number(4096)),
    pair("test.embedding_length", UINT32, number(64)),
    pair("test.block_count", UINT32, number(3)),
    pair("test.attention.head_count", UINT32, number(8)),
    pair("test.attention.head_count_kv", ARRAY, numbers(1, 2, 2)),
    pair("test.rope.scale", FLOAT32, struct.pack("<f", 0.5)),
    pair("tokenizer.ggml.tokens", ARRAY, words("a", "b", "c")),
    pair("tokenizer.ggml.add_bos_token", BOOL, b"\1"),
)
TENSORS = (
    text("first") + struct.pack("<IQQIQ", 2, 64, 10, 0, 0),
    text("second") + struct.pack("<IQIQ", 1, 7, 0, 0),
)


def header(version: int = 3, pairs: tuple[bytes, ...] = PAIRS) -> bytes:
    counts = struct.pack("<IQQ", version, len(TENSORS), len(pairs))
    return b"GGUF" + counts + b"".join(pairs) + b"".join(TENSORS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weights.gguf"


def test_a_header_is_read(file: Path) -> None:
    file.write_bytes(header() + b"weights")
    read = read_header(file)
    assert (read.architecture, read.context, read.vocabulary) == ("test", 4096, 3)
    assert read.parameters == 640 + 7
    assert read.values["test.rope.scale"] == 0.5
    assert read.values["tokenizer.ggml.add_bos_token"] is True
    # 3 layers, 2 heads of 8 numbers for keys and as many for values, 2 bytes each.
    assert read.cache_bytes == 3 * 2 * (8 + 8) * 2


def test_long_lists_are_counted_and_passed_over(file: Path) -> None:
    many = pair("test.scores", ARRAY, numbers(*range(5000)))
    file.write_bytes(header(pairs=(many, *PAIRS)))
    read = read_header(file)
    assert read.lengths["test.scores"] == 5000
    assert "test.scores" not in read.values
    assert read.context == 4096


@pytest.mark.parametrize("length", range(0, len(header()), 7))
def test_a_file_that_ends_early_is_broken(file: Path, length: int) -> None:
    file.write_bytes(header()[:length])
    with pytest.raises(BrokenWeightsError, match=r"weights\.gguf"):
        read_header(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{}, and no weights at all", "does not begin with GGUF"),
        (header(version=1), "version 1; 2 and 3"),
        (header(pairs=(pair("odd", 99, b""),)), "unknown kind 99"),
        (header(pairs=(pair("odd", STRING, struct.pack("<Q", 2**62)),)), "makes no sense"),
        (header(pairs=(pair("odd", STRING, struct.pack("<Q", 2) + b"\xff\xff"),)), "no sense"),
    ],
)
def test_what_is_wrong_is_said(file: Path, content: bytes, reason: str) -> None:
    file.write_bytes(content)
    with pytest.raises(BrokenWeightsError, match=reason):
        read_header(file)


def test_real_weights(weights: Path) -> None:
    read = read_header(weights / TINY)
    assert (read.architecture, read.context, read.vocabulary) == ("llama", 8192, 49152)
    assert 130_000_000 < read.parameters < 140_000_000
    assert read.cache_bytes == 30 * 3 * (64 + 64) * 2
    assert "<|im_start|>" in read.template
