"""Engines that need packages which do not come by themselves."""

from collections.abc import Iterable
from importlib.util import find_spec

from stellwerk.base.errors import InvalidRequestError


def check_installed(engine: str, needed: Iterable[str]) -> None:
    """Raises `InvalidRequestError` that says what to install for an engine on PyTorch.

    The extra is called as the engine is.
    """
    if missing := [name for name in needed if find_spec(name) is None]:
        raise InvalidRequestError(
            f"The engine {engine} needs {', '.join(missing)}: `pip install 'stellwerk[{engine}]'`. "
            "Without a graphics processor, install the smaller `torch==2.13.0+cpu` first."
        )
