"""The one way to a model: every door hands its calls to `Runner.start`, or waits for `run`."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from stellwerk.base.errors import InvalidRequestError, StellwerkError, UnavailableError
from stellwerk.base.limits import Limits
from stellwerk.base.prices import cost
from stellwerk.features.catalog.errors import WrongModelError
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.types import Model, Models
from stellwerk.features.keys.types import Principal
from stellwerk.features.limits.service import Admission
from stellwerk.features.limits.types import Demand
from stellwerk.operations.body import Outline, check, check_background, outline
from stellwerk.operations.flight import Flight
from stellwerk.operations.gallery import Gallery, wants_links
from stellwerk.operations.meter import Books, Meter, estimated
from stellwerk.operations.operation import Call, Operation
from stellwerk.operations.relay import Relay
from stellwerk.operations.sight.parts import may_hold
from stellwerk.operations.sight.sight import Bodies, Sight
from stellwerk.ports.sink import Outlet, Sink
from stellwerk.upstreams.reading import Tokens
from stellwerk.upstreams.route import Route

MOST_PLANS = 10_000
NOTHING = Demand()
# Tokens that are reserved for an answer whose length neither the caller nor the catalogue bounds.
USUAL_OUTPUT = 1024

Routes = Callable[[Model], tuple[Route, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What calls of one key for one model have in common, as long as both stay as they are."""

    principal: Principal
    models: Models
    model: Model
    routes: tuple[Route, ...]
    limits: Limits | None
    # Whether the first target is an engine of ours, which bodies are checked for.
    local: bool
    # The longest answer in tokens; 0 for what answers without.
    most: int


@dataclass(frozen=True, slots=True)
class Runner:
    """Takes a call to the model that it names, and the answer to where it is wanted.

    `engine_does` says whether a model has a local engine that can do an operation. `sight` brings
    pictures into the form that a target takes, `gallery` keeps painted ones that are wanted as
    links; without them pictures stay as they came.
    """

    catalog: Catalog
    routes: Routes
    admission: Admission
    books: Books
    engine_does: Callable[[Model, str], bool]
    sight: Sight | None = None
    gallery: Gallery | None = None
    plans: dict[tuple[str, str, str], Plan] = field(default_factory=dict)

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
        asked, fields = outline(operation, call)
        if asked.background is not None:
            check_background(operation, asked)
        name = asked.model or ""
        plan = self.plans.get((call.principal.key_id, operation.name, name))
        if (
            plan is None
            or plan.principal is not call.principal
            or plan.models is not self.catalog.models
        ):
            plan = self._plan(operation, call, name)
        if plan.local:
            check(operation, call, asked)
        limits = plan.limits
        demand = NOTHING
        if limits is not None or call.principal.limits is not None:
            demand = _demand(plan, call, asked)
        meter = Meter(self.books, operation.name, plan.model, call)
        try:
            permit = self.admission.admit(call.principal, meter.model, limits, demand)
        except StellwerkError as error:
            meter.end(error.kind.status, Tokens(), stream=False)
            raise
        flight = Flight(operation, call, asked, fields, plan.routes, outlet, meter)
        if operation.sees and self.sight is not None and may_hold(call.body):
            flight.looking = partial(self._look, self.sight, plan, call)
        if self.gallery is not None and wants_links(operation, call):
            flight.keeping = partial(self.gallery.linked, call.principal.project_id)
        if permit is None:
            waiting = self.admission.admit_waiting(call.principal, meter.model, limits, demand)
            flight.begin_after(waiting)
        else:
            flight.begin(permit)
        return flight

    def _look(self, sight: Sight, plan: Plan, call: Call) -> Coroutine[Any, Any, Bodies]:
        forms = {route.pictures for route in plan.routes}
        return sight.bodies(self, plan.models, plan.model, call, forms)

    def examine(self, operation: Operation, call: Call) -> tuple[Model, Outline]:
        """Refuse now what would be refused at once if it ran: for a call that is to run later.

        Gives the model that it names. Raises `StellwerkError`.
        """
        asked, _ = outline(operation, call)
        plan = self._plan(operation, call, asked.model or "")
        if plan.local:
            check(operation, call, asked)
        return plan.model, asked

    def able(self, operation: Operation, principal: Principal, name: str) -> Model:
        """The model, if this key may do this with it. Raises `StellwerkError`."""
        return self._plan(operation, Call(principal, b"", ""), name).model

    def _plan(self, operation: Operation, call: Call, name: str) -> Plan:
        """Whether this key may do this with this model, and where it runs."""
        principal, models = call.principal, self.catalog.models
        principal.require(operation.scope)
        model = models.get(name)
        principal.require_model(model.id)
        if not self._can(operation, model):
            raise self._wrong_model(operation, call, model)
        routes = self._routes(operation, model)
        if operation.raw and model.entry.meta_data.source_type == "PROPRIETARY":
            raise InvalidRequestError(
                f"{model.id!r} is a proprietary model, and its provider takes no raw completions. "
                "Use /chat/completions.",
                param="model",
                code="model_not_supported",
            )
        plan = Plan(
            principal, models, model, routes, model.entry.limits, routes[0].local, _most(model)
        )
        if len(self.plans) >= MOST_PLANS:
            self.plans.clear()
        self.plans[principal.key_id, operation.name, name] = plan
        return plan

    def _can(self, operation: Operation, model: Model) -> bool:
        """A local engine may do more than what its models are of a type for."""
        entry = model.entry
        named = bool(entry.upstreams) and entry.type == operation.serves
        return named or self.engine_does(model, operation.name)

    def _routes(self, operation: Operation, model: Model) -> tuple[Route, ...]:
        """The model's targets that can do it: upstreams do what the model's type says."""
        local = self.engine_does(model, operation.name)
        remote = model.entry.type == operation.serves
        routes = self.routes(model)
        routes = tuple(route for route in routes if (local if route.local else remote))
        if not routes:
            raise UnavailableError(
                f"The upstreams of {model.id!r} cannot be asked for {operation.path}: their keys "
                "are missing.",
                code="upstream_key_missing",
            )
        return routes

    def _wrong_model(self, operation: Operation, call: Call, model: Model) -> WrongModelError:
        able = [other.id for other in self.catalog.models if self._can(operation, other)]
        right = [name for name in able if call.principal.may_use(name)]
        none = "Your key has no model for it." if able else "The catalogue has no model for it."
        use = f"Use one of: {', '.join(right)}." if right else none
        return WrongModelError(
            f"{model.id!r} ({_kind(operation, model)}) cannot do {operation.path}. {use}",
            param="model",
        )


def _kind(operation: Operation, model: Model) -> str:
    """What keeps it from the operation: its type, or the engine that runs it."""
    entry = model.entry
    return entry.type if entry.type != operation.serves else f"local engine {entry.engine}"


def _most(model: Model) -> int:
    if model.entry.type != "LLM":
        return 0
    return model.entry.meta_data.max_output_length or USUAL_OUTPUT


def _demand(plan: Plan, call: Call, asked: Outline) -> Demand:
    """What is reserved until it is known what the call took."""
    most = plan.most
    output = min(asked.longest_answer or most, most * (asked.n or 1)) if most else 0
    prompt = estimated(plan.model, call)
    prices = plan.model.entry.prices
    images = (asked.n or 1) if plan.model.entry.type == "IMAGE" else 0
    price = cost(prices, prompt, 0, output, images=images) if prices else 0
    return Demand(prompt, output, price)
