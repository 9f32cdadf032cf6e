"""What can be truly said of a model, from its entry and from its weights."""

from collections.abc import Mapping
from dataclasses import replace

from stellwerk.base.errors import InvalidRequestError, StellwerkError
from stellwerk.base.log import get_logger
from stellwerk.base.model_entry import ModelEntry
from stellwerk.features.catalog.errors import WeightsMissingError
from stellwerk.features.catalog.types import Model
from stellwerk.features.weights.store import Store
from stellwerk.ports.engines import Description, EngineSpec, Launch
from stellwerk.wire.models import MetaData, ModelObject

log = get_logger("catalog")

UNKNOWN = Description(context=0)


class Describer:
    """Reads each model's weights once, and again when its entry or its files change."""

    def __init__(self, specs: Mapping[str, EngineSpec], store: Store) -> None:
        self._specs = specs
        self._store = store
        self._known: dict[str, Description] = {}

    def spec(self, model: Model) -> EngineSpec | None:
        """The engine of a local model; None for one that an upstream runs."""
        return self._specs[model.entry.engine] if model.entry.engine else None

    def engine_does(self, model: Model, operation: str) -> bool:
        """Whether the model has a local engine that can do this."""
        spec = self.spec(model)
        return spec is not None and operation in spec.operations

    def check(self, entry: ModelEntry) -> None:
        """Raise `InvalidRequestError` for what can never run, as far as it can be known now.

        The engine looks at the options when the weights are here.
        """
        self.check_engine(entry)
        if entry.engine is None or not self._store.present(entry):
            return
        spec, launch = self._specs[entry.engine], self._launch(entry)
        try:
            spec.describe(launch)
        except InvalidRequestError as error:
            param = _fault(entry, spec, launch)
            if param is not None:
                message = f"{entry.id!r}: {error.message}"
                raise InvalidRequestError(message, param=param) from error
        except (OSError, ValueError):
            return

    def check_engine(self, entry: ModelEntry) -> None:
        """Raise `InvalidRequestError` for an engine that does not exist or cannot do the type."""
        if entry.engine is None:
            return
        spec = self._specs.get(entry.engine)
        if spec is None:
            known = ", ".join(sorted(self._specs))
            raise InvalidRequestError(
                f"{entry.id!r}: there is no engine {entry.engine!r}. Known: {known}.",
                param="engine",
            )
        if spec.serves != entry.type:
            raise InvalidRequestError(
                f"{entry.id!r}: the engine {spec.name!r} runs models of type {spec.serves}.",
                param="type",
            )

    def launch(self, model: Model) -> Launch:
        """How to start the model's engine. Raises `WeightsMissingError`."""
        if not self._store.present(model.entry):
            raise WeightsMissingError(
                f"The weights of {model.id!r} are not on this machine. "
                f"Fetch them with `stellwerk models pull {model.id}`."
            )
        return self._launch(model.entry)

    def _launch(self, entry: ModelEntry) -> Launch:
        return Launch(
            model=entry.id,
            engine=entry.engine or "",
            files=tuple(str(self._store.path(file)) for file in entry.files),
            options=entry.options,
        )

    def describe(self, model: Model) -> Description:
        """Sizes out of the weights; zeros where there are none to read."""
        spec = self.spec(model)
        if spec is None or not self._store.present(model.entry):
            return UNKNOWN
        launch = self.launch(model)
        if launch.key not in self._known:
            self._known[launch.key] = _read(spec, launch)
        return self._known[launch.key]

    def show(self, model: Model) -> ModelObject:
        entry, described = model.entry, self.describe(model)
        meta = entry.meta_data
        remote = entry.engine is None
        return ModelObject(
            id=model.id,
            created=model.created,
            aliases=list(entry.aliases),
            meta_data=MetaData(
                model_type=entry.type,
                source_type=meta.source_type,
                max_sequence_length=_first(meta.max_sequence_length, described.context),
                max_output_length=meta.max_output_length or 0,
                hidden_size=_first(meta.hidden_size, described.embedding),
                deployment_region=meta.deployment_region,
                location=meta.deployment_region,
                deployment_country=meta.deployment_country,
                license=meta.license,
                display_name=meta.display_name or model.id,
                model_lifecycle_stage=meta.model_lifecycle_stage,
                end_of_life_date=meta.end_of_life_date,
                input_modalities=list(meta.input_modalities),
                output_modalities=list(meta.output_modalities),
                is_externally_hosted=remote,
            ),
        )


def _first(said: int | None, read: int) -> int:
    return read if said is None else said


def _fault(entry: ModelEntry, spec: EngineSpec, launch: Launch) -> str | None:
    """The field that makes `describe` fail; None for weights that can be fetched again."""
    if entry.options and _readable(spec, replace(launch, options={})):
        return "options"
    return None if entry.files else "files"


def _readable(spec: EngineSpec, launch: Launch) -> bool:
    try:
        spec.describe(launch)
    except (StellwerkError, OSError, ValueError):
        return False
    return True


def _read(spec: EngineSpec, launch: Launch) -> Description:
    try:
        return spec.describe(launch)
    except (StellwerkError, OSError, ValueError) as error:
        log.warning("weights cannot be read", model=launch.model, reason=str(error))
        return UNKNOWN
