"""What a field may hold: which words, found by its place; whether an object, or a file."""

import re
from collections.abc import Iterable, Iterator

from msgspec import inspect

_STEP = re.compile(r"\[[^\]]*\]|[^.\[\]]+")


def choices(shape: type, place: str) -> tuple[str, ...]:
    """The words that `place` (such as `messages[0].role`) of a `shape` may hold, if it is known."""
    nodes = [inspect.type_info(shape)]
    words = list[str]()
    for step in _STEP.findall(place):
        plain = list(_plain(nodes))
        words = _tags(plain, step)
        nodes = [inner for node in plain for inner in _inside(node, step)]
    found = [value for node in _plain(nodes) for value in _values(node)]
    return tuple(dict.fromkeys((*words, *found)))


def objects(shape: type) -> set[str]:
    """The names of the fields of a `shape` that are objects, or may be."""
    return {
        field.encode_name
        for field in _fields(shape)
        if any(isinstance(node, inspect.StructType) for node in _plain([field.type]))
    }


def uploads(shape: type) -> set[str]:
    """The names of the fields of a `shape` that are files, or lists of them."""
    return {
        field.encode_name
        for field in _fields(shape)
        for node in _plain([field.type])
        if isinstance(node, inspect.BytesType)
        or (isinstance(node, inspect.ListType) and isinstance(node.item_type, inspect.BytesType))
    }


def _fields(shape: type) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)
    return described.fields


def _plain(nodes: Iterable[inspect.Type]) -> Iterator[inspect.Type]:
    """The types without what is around them."""
    for node in nodes:
        if isinstance(node, inspect.Metadata):
            yield from _plain([node.type])
        elif isinstance(node, inspect.UnionType):
            yield from _plain(node.types)
        else:
            yield node


def _inside(node: inspect.Type, step: str) -> Iterator[inspect.Type]:
    if step.startswith("["):
        if isinstance(node, inspect.ListType):
            yield node.item_type
        if isinstance(node, inspect.DictType):
            yield node.value_type
    elif isinstance(node, inspect.StructType):
        yield from (field.type for field in node.fields if field.encode_name == step)


def _tags(nodes: Iterable[inspect.Type], step: str) -> list[str]:
    return [
        str(node.tag)
        for node in nodes
        if isinstance(node, inspect.StructType) and node.tag_field == step
    ]


def _values(node: inspect.Type) -> Iterator[str]:
    if isinstance(node, inspect.LiteralType):
        yield from map(str, node.values)
