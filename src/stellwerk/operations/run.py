"""The one way to a model: every door hands its calls to `Runner.start`, or waits for `run`."""

from collections.abc import Callable
from dataclasses import dataclass

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.telemetry import Metrics
from stellwerk.features.catalog.errors import WrongModelError
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.types import Model
from stellwerk.operations.body import check, outline
from stellwerk.operations.flight import Flight
from stellwerk.operations.meter import Meter
from stellwerk.operations.operation import Call, Operation
from stellwerk.operations.relay import Relay
from stellwerk.ports.sink import Outlet, Sink
from stellwerk.upstreams.route import Route

Routes = Callable[[Model], tuple[Route, ...]]


@dataclass(frozen=True, slots=True)
class Runner:
    """Takes a call to the model that it names, and the answer to where it is wanted."""

    catalog: Catalog
    routes: Routes
    metrics: Metrics

    async def run(self, operation: Operation, call: Call, sink: Sink) -> None:
        """Run one call. Raises `StellwerkError` as long as nothing was written to the sink.

        Cancelling this stops the model's work.
        """
        relay = Relay(sink)
        relay.flight = self.start(operation, call, relay)
        await relay.run()

    def start(self, operation: Operation, call: Call, outlet: Outlet) -> Flight:
        """Begin one call; its answer comes to `outlet` in callbacks, perhaps before this returns.

        Raises `StellwerkError` for a call that cannot be: `outlet` hears nothing of it.
        """
        principal = call.principal
        principal.require(operation.scope)
        asked = outline(call)
        model = self.catalog.models.get(asked.model or "")
        principal.require_model(model.id)
        if model.entry.type != operation.serves:
            raise self._wrong_model(operation, call, model)
        routes = self.routes(model)
        if routes[0].local:
            check(operation, call, asked)
        elif operation.raw and model.entry.meta_data.source_type == "PROPRIETARY":
            raise InvalidRequestError(
                f"{model.id!r} is a proprietary model, and its provider takes no raw completions. "
                "Use /chat/completions.",
                param="model",
                code="model_not_supported",
            )
        meter = Meter(self.metrics, operation.name, model.id, call)
        flight = Flight(operation, call, asked, routes, outlet, meter, [])
        flight.begin()
        return flight

    def _wrong_model(self, operation: Operation, call: Call, model: Model) -> WrongModelError:
        right = [
            other.id
            for other in self.catalog.models
            if other.entry.type == operation.serves and call.principal.may_use(other.id)
        ]
        use = f"Use one of: {', '.join(right)}." if right else "Your key has no model for it."
        return WrongModelError(
            f"{model.id!r} ({model.entry.type}) cannot do {operation.path}. {use}", param="model"
        )
