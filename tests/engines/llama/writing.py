"""GGUF files, written: version 3, without quantization."""

import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Tensor = npt.NDArray[np.float32]

ALIGNMENT = 32
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


def layer(
    noise: Callable[..., Tensor], name: str, width: int, inner: int, out: str
) -> dict[str, Tensor]:
    """A transformer's layer without its norms; `out` is what follows attention."""
    shapes = dict.fromkeys(("attn_q", "attn_k", "attn_v", out), (width, width))
    shapes |= {"ffn_up": (inner, width), "ffn_down": (width, inner)}
    made = {}
    for part, shape in shapes.items():
        made[f"{name}.{part}.weight"] = noise(*shape)
        made[f"{name}.{part}.bias"] = noise(shape[0])
    return made


def gguf(values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bytes:
    """The file's bytes: counts, key-values, the tensors' places, then their numbers."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    head += b"".join(_text(name) + _value(value) for name, value in values.items())
    data = b""
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head += _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += struct.pack("<IQ", 0, len(data))
        data += _padded(tensor.tobytes())
    return _padded(head) + data


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", BOOL, value)
        case int():
            return struct.pack("<II", UINT32, value)
        case float():
            return struct.pack("<If", FLOAT32, value)
        case str():
            return struct.pack("<I", STRING) + _text(value)
        case _:
            return struct.pack("<I", ARRAY) + _items(value)


def _items(values: Any) -> bytes:
    """A list of texts, of whole numbers or of others."""
    if isinstance(values[0], str):
        return struct.pack("<IQ", STRING, len(values)) + b"".join(map(_text, values))
    kind, form = (INT32, "i") if isinstance(values[0], int) else (FLOAT32, "f")
    return struct.pack(f"<IQ{len(values)}{form}", kind, len(values), *values)
