"""A question to the user for what a call lacks.

A small model that is to ask by itself rather makes something up. So its answer is begun for it,
`Which location`, and a grammar lets it only finish the question.
"""

from collections.abc import Sequence

import msgspec

from stellwerk.engines.llama.chat_answer import ChatOutlet
from stellwerk.engines.llama.delivery import Spent
from stellwerk.engines.llama.messages import Line, plain
from stellwerk.engines.llama.model import Model
from stellwerk.engines.llama.raw import raw_events
from stellwerk.engines.llama.schema import grammar
from stellwerk.wire.chat import Delta

REST = r'/ [^?.!,\n"]{1,60}/ "?"'
LONGEST = 48


async def question(
    model: Model, lines: Sequence[Line], missing: str, outlet: ChatOutlet, index: int
) -> Spent:
    """Send a question for the field `missing`."""
    begin = f"Which {missing.replace('_', ' ').strip()}"
    prompt = await model.native.prompt(plain(lines)) + begin
    body = {"prompt": prompt, "grammar": grammar(REST), "n_predict": LONGEST, "temperature": 0}
    await outlet.piece(index, _delta(begin, role=True))
    spent = Spent()
    async for event in raw_events(model.native, body):
        spent = event.spent
        if event.content:
            await outlet.piece(index, _delta(event.content))
    await outlet.piece(index, b"{}", None, "stop")
    return spent


def _delta(text: str, *, role: bool = False) -> bytes:
    piece = Delta(role="assistant", content=text) if role else Delta(content=text)
    return msgspec.json.encode(piece)
