"""The header of a GGUF file: what the weights say of themselves.

Format: magic, version 3 (or 2), number of tensors, number of key-values, then these, then for each
tensor name, shape, type and place. Everything is little-endian.
"""

import struct
from dataclasses import dataclass, field
from io import BufferedReader
from math import prod
from pathlib import Path

from stellwerk.base.errors import InvalidRequestError

# The kinds of value, by number; what is a text or a list has no form for `struct`.
FORMS = ("B", "b", "H", "h", "I", "i", "f", "?", None, None, "Q", "q", "d")
STRING, ARRAY = 8, 9
# A list longer than this is a vocabulary: only its length is kept.
SHORT_LIST = 4096
# The last layer of a model that reranks: behind another one, or alone.
SCORE, ONLY_SCORE = "cls.output.weight", "cls.weight"
SCORING = frozenset({SCORE, ONLY_SCORE})

Value = int | float | bool | str | list[int | float | bool]


class BrokenWeightsError(InvalidRequestError):
    """The file is no GGUF, or is cut off."""

    code = "broken_weights"


@dataclass(frozen=True, slots=True)
class Header:
    """Key-values, the lengths of those that are lists, and the number of weights.

    `scoring` has the sizes of the last layers of a model that scores texts, by name.
    """

    values: dict[str, Value] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    parameters: int = 0
    scoring: dict[str, int] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        return str(self.values.get("general.architecture", ""))

    def number(self, key: str, default: int = 0) -> int:
        """A number of this architecture; of a list with one entry a layer the largest."""
        value = self.values.get(f"{self.architecture}.{key}", default)
        if isinstance(value, str):
            return default
        return int(max(value, default=default) if isinstance(value, list) else value)

    @property
    def context(self) -> int:
        return self.number("context_length")

    @property
    def vocabulary(self) -> int:
        return self.lengths.get("tokenizer.ggml.tokens", 0)

    @property
    def template(self) -> str:
        return str(self.values.get("tokenizer.chat_template", ""))

    @property
    def ranks(self) -> bool:
        """Whether a layer makes a number of a text: the model reranks."""
        alone = self.scoring.get(ONLY_SCORE) == self.number("embedding_length", -1)
        return SCORE in self.scoring or alone

    @property
    def cache_bytes(self) -> int:
        """Bytes of key-value cache that one token of context takes, in 16 bits."""
        heads = self.number("attention.head_count", 1)
        width = self.number("embedding_length") // max(heads, 1)
        of_key = self.number("attention.key_length", width)
        of_value = self.number("attention.value_length", width)
        key_heads = self.number("attention.head_count_kv", heads)
        return 2 * self.number("block_count") * key_heads * (of_key + of_value)


def read_header(path: Path) -> Header:
    """Raises `BrokenWeightsError` for what is no GGUF file, `OSError` for what cannot be read."""
    with path.open("rb") as file:
        try:
            return _Reader(file, path.stat().st_size).header()
        except (struct.error, UnicodeDecodeError, OverflowError) as error:
            raise BrokenWeightsError(
                f"{path} is broken: its header ends early or makes no sense ({error}). "
                "Fetch the file again."
            ) from error
        except BrokenWeightsError as error:
            raise BrokenWeightsError(f"{path} {error.message}") from error


class _Reader:
    def __init__(self, file: BufferedReader, size: int) -> None:
        self.file = file
        self.size = size

    def header(self) -> Header:
        if self.file.read(4) != b"GGUF":
            raise BrokenWeightsError("is no GGUF file: it does not begin with GGUF.")
        version = self.number("I")
        if version not in {2, 3}:
            raise BrokenWeightsError(f"has GGUF version {version}; 2 and 3 can be read.")
        tensors, count = self.number("Q"), self.number("Q")
        header, lengths = dict[str, Value](), dict[str, int]()
        for _ in range(count):
            self.pair(header, lengths)
        sizes = dict(self.tensor() for _ in range(tensors))
        scoring = {name: size for name, size in sizes.items() if name in SCORING}
        return Header(header, lengths, sum(sizes.values()), scoring)

    def pair(self, values: dict[str, Value], lengths: dict[str, int]) -> None:
        key, kind = self.string(), self.number("I")
        if kind == ARRAY:
            lengths[key], short = self.array()
            if short is not None:
                values[key] = short
        else:
            values[key] = self.string() if kind == STRING else self.number(self.form(kind))

    def array(self) -> tuple[int, list[int | float | bool] | None]:
        kind, length = self.number("I"), self.number("Q")
        if kind == STRING:
            for _ in range(length):
                # Without a look at the place: a vocabulary is long, and the next read fails anyway.
                self.file.seek(min(self.number("Q"), self.size), 1)
            return length, None
        form = self.form(kind)
        if length > SHORT_LIST:
            self.skip(length * struct.calcsize(form))
            return length, None
        return length, [self.number(form) for _ in range(length)]

    def tensor(self) -> tuple[str, int]:
        name = self.string()
        shape = [self.number("Q") for _ in range(self.number("I"))]
        self.skip(4 + 8)
        return name, prod(shape)

    def number(self, form: str) -> int:
        form = f"<{form}"
        value: int = struct.unpack(form, self.file.read(struct.calcsize(form)))[0]
        return value

    def string(self) -> str:
        return self.bytes(self.number("Q")).decode()

    def bytes(self, length: int) -> bytes:
        if length > self.size - self.file.tell():
            raise struct.error(f"a text of {length} bytes")
        return self.file.read(length)

    def skip(self, length: int) -> None:
        if length > self.size - self.file.tell():
            raise struct.error(f"a list of {length} bytes")
        self.file.seek(length, 1)

    @staticmethod
    def form(kind: int) -> str:
        found = FORMS[kind] if kind < len(FORMS) else None
        if found is None:
            raise BrokenWeightsError(f"holds a value of the unknown kind {kind}.")
        return found
