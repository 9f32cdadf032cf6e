"""What the hub asks of local engines, wherever they run."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from stellwerk.base.errors import InvalidRequestError

if TYPE_CHECKING:
    # Engine processes do without pydantic, which is behind this.
    from stellwerk.base.model_entry import ModelType


Options = TypeVar("Options", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Launch:
    """All that is needed to start the engine of one model."""

    model: str
    engine: str
    files: tuple[str, ...] = ()
    options: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """Two launches with the same key can share one running engine."""
        return repr((self.model, self.engine, self.files, sorted((self.options or {}).items())))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running engine: an OpenAI-shaped server on a Unix socket."""

    socket: str
    secret: str


class Broker(Protocol):
    """Hands out running engines under one memory budget."""

    def lease(self, launch: Launch) -> AbstractAsyncContextManager[Endpoint]:
        """Wait until the model is loaded; it stays loaded until the lease is given back.

        Raises `UnavailableError` when it cannot be loaded in time or keeps crashing.
        """
        ...


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One model in the broker's books. Sizes in bytes, times in seconds.

    `state` is loading, ready, draining (finishes its requests and takes no new ones), stopping,
    backoff (crashed or not loadable, and left alone for `retry_after`) or unloaded. `footprint` is
    the largest seen if it was `measured`, else what the weights let expect.
    """

    model: str
    engine: str
    state: str
    leases: int
    waiting: int
    footprint: int
    measured: bool
    retry_after: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The memory that engines may use together, what they use of it, and each of them."""

    budget: int
    used: int
    engines: list[EngineStatus]


@dataclass(frozen=True, slots=True)
class Description:
    """What the weights say of themselves. Sizes in tokens, the footprint in bytes."""

    context: int
    embedding: int = 0
    footprint: int = 0


def _blind(_: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One engine: how to start it and what it can tell without being started.

    `python -m module` is the child process (see `stellwerk.engines.host`). `describe` reads
    the header of the weights; it raises `InvalidRequestError` for options that cannot be and
    `OSError` for files that cannot be read. `sees` says of a model's options whether it takes the
    pictures of a conversation.
    """

    name: str
    module: str
    serves: "ModelType"
    operations: frozenset[str]
    describe: Callable[[Launch], Description]
    sees: Callable[[Mapping[str, Any]], bool] = _blind


def read_options(engine: str, given: object, kind: type[Options]) -> Options:
    """What an entry of the catalogue sets for its engine. Raises `InvalidRequestError`."""
    try:
        return msgspec.convert(given or {}, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequestError(f"The engine {engine}: {error}.") from error
