"""What is sent, and what one request or event of it may cost."""

import json
from dataclasses import dataclass

MESSAGES = [
    {"role": "system", "content": "You are a signaller. Answer briefly and to the point."},
    {"role": "user", "content": "Which track does the train to Hamburg leave from, and when?"},
]
LINES = 65  # 64 events and [DONE]: the client does not ask for usage


@dataclass(frozen=True)
class Row:
    """One kind of traffic. `bound` is the share of nginx's cost that the lane may reach."""

    key: str
    title: str
    body: bytes
    bound: float
    lines: int = 0
    paced: bool = False


def _body(**fields: object) -> bytes:
    given = {"model": "bench", "messages": MESSAGES, "temperature": 0.2, "max_tokens": 64, **fields}
    return json.dumps(given, separators=(",", ":")).encode()


def _long() -> list[dict[str, str]]:
    sentence = "Signal 17 shows clear, the points of track 4 are set and locked. "
    return [*MESSAGES, {"role": "user", "content": sentence * (30_000 // len(sentence))}]


ROWS = (
    Row("json", "JSON answer, us a request", _body(), 2.0),
    Row("stream", "stream of 64 events, us a stream", _body(stream=True), 1.3, LINES),
    Row(
        "paced",
        "paced streams, 5 ms, us an event",
        _body(stream=True, user="mock-paced"),
        1.3,
        LINES,
        paced=True,
    ),
    Row("body", "body of 30 kB, us a request", _body(messages=_long()), 3.0),
)
