"""A text in pieces that are spoken one after the other."""

import re
from collections.abc import Iterator

from semantic_text_splitter import TextSplitter

# Behind a mark that ends a sentence and what may close it, or at the end of a line.
CLOSING = "\"')]\u00bb\u2019\u201c\u201d"
WIDE = "\u3002\uff01\uff1f"
END = re.compile(rf"(?<=[.!?\u2026])[{re.escape(CLOSING)}]*\s+|(?<=[{WIDE}])|\n")
# To espeak-ng, a NUL is the end, and \x01 begins a command that holds for later texts too.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# A voice takes longer for longer pieces and is heard only when one is done.
LONGEST = 300


def sentences(text: str) -> Iterator[str]:
    """Each of at most `LONGEST` characters, and with something to say."""
    cutter = TextSplitter(LONGEST)
    text = CONTROL.sub(" ", text)
    begin = 0
    for end in [*(match.end() for match in END.finditer(text)), len(text)]:
        sentence, begin = text[begin:end].strip(), end
        for piece in cutter.chunks(sentence):
            if any(letter.isalnum() for letter in piece):
                yield piece
