import io
import os
import threading

from stellwerk.features.weights.bars import Bars
from stellwerk.features.weights.progress import Lines, shown


def test_a_line_for_every_tenth() -> None:
    stream = io.StringIO()
    with shown(stream) as progress:
        assert isinstance(progress, Lines)
        progress.started("m.gguf", 100_000_000, 20_000_000)
        for _ in range(80):
            progress.advanced(1_000_000)
        progress.finished()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "m.gguf: 100 MB, 20 MB are here"
    assert lines[1:] == [f"m.gguf: {10 * n} %, {10 * n} MB" for n in range(3, 11)]


def test_unknown_size() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.started("m.gguf", None, 0)
    lines.advanced(49_000_000)
    lines.advanced(2_000_000)
    assert stream.getvalue() == "m.gguf: size unknown\nm.gguf: 51 MB\n"


def test_waiting_is_told_once() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.waiting("m.gguf")
    lines.waiting("m.gguf")
    assert stream.getvalue() == "m.gguf: another process fetches it; waiting\n"


def test_bars_on_a_terminal() -> None:
    ours, theirs = os.openpty()
    seen = bytearray()

    def read() -> None:
        while b"the end" not in seen:
            seen.extend(os.read(ours, 4096))

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(theirs, "w") as terminal:
        with shown(terminal) as progress:
            assert isinstance(progress, Bars)
            progress.waiting("m[1].gguf")
            progress.waiting("m[1].gguf")
            progress.started("m[1].gguf", 2_000_000, 1_000_000)
            progress.advanced(1_000_000)
            progress.finished()
            progress.note("a [note]")
        terminal.write("the end\n")
        terminal.flush()
        reader.join(30)
    os.close(ours)
    text = seen.decode()
    assert "m[1].gguf" in text
    assert "2.0/2.0 MB" in text
    assert "a [note]" in text
    assert text.count("another process fetches it") == 1
