"""Models as `GET /models` shows them: OpenAI's object, and `meta_data` beside it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stellwerk.base.model_entry import ModelType


class MetaData(Struct, kw_only=True):
    """What the hub knows of a model."""

    model_type: Annotated[ModelType, Meta(description="What it does.")]
    source_type: Annotated[str, Meta(description="`OPEN SOURCE` or `PROPRIETARY`.")]
    max_sequence_length: Annotated[int, Meta(description="Tokens of input and output; 0: unknown.")]
    max_output_length: Annotated[int, Meta(description="Most tokens of output; 0: not limited.")]
    hidden_size: Annotated[int, Meta(description="Dimensions of an embedding; else 0.")]
    deployment_region: Annotated[str, Meta(description="Where it runs.")]
    location: Annotated[str, Meta(description="The same, for older clients.")]
    deployment_country: Annotated[str, Meta(description="Country of that place.")]
    license: Annotated[str, Meta(description="Licence of the weights, or where it stands.")]
    display_name: Annotated[str, Meta(description="Name for people.")]
    model_lifecycle_stage: Annotated[str, Meta(description="`Stable`, `Preview`, ...")]
    end_of_life_date: Annotated[str | None, Meta(description="Day on which it will go.")]
    input_modalities: Annotated[list[str], Meta(description="`text`, `image`, `audio`.")]
    output_modalities: Annotated[
        list[str], Meta(description="`text`, `image`, `audio`, `embedding`.")
    ]
    is_externally_hosted: Annotated[bool, Meta(description="Whether another server runs it.")]


class ModelObject(Struct, kw_only=True):
    """A model that the API key may use."""

    id: Annotated[str, Meta(description="Name to be used as `model`.")]
    object: Literal["model"] = "model"
    created: Annotated[int, Meta(description="Unix seconds when it came into the catalogue.")]
    owned_by: Annotated[str, Meta(description="Who runs it.")] = "stellwerk"
    aliases: Annotated[list[str], Meta(description="Other names of the same model.")] = []
    meta_data: MetaData


class ModelList(Struct, kw_only=True):
    """All models that the API key may use."""

    object: Literal["list"] = "list"
    data: Annotated[list[ModelObject], Meta(description="The models.")]
    first_id: Annotated[str | None, Meta(description="Id of the first of them.")] = None
    last_id: Annotated[str | None, Meta(description="Id of the last of them.")] = None
    has_more: Annotated[bool, Meta(description="Always false: this is the whole list.")] = False
