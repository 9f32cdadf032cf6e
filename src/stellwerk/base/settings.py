"""Settings: one frozen object, read once at start from flags, environment and `stellwerk.toml`.

A flag beats the environment (`STELLWERK_PORT`, `STELLWERK_DATABASE__URL`), which beats the file,
which beats the default. An unknown name in the file is an error.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AnyHttpUrl, BaseModel, ByteSize, ConfigDict, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from stellwerk.base.model_entry import ModelEntry

CONFIG_NAME = "stellwerk.toml"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(Section):
    """Where the data lies."""

    url: SecretStr | None = Field(
        None,
        description="`postgresql://user:password@host/name` of a PostgreSQL >= 16 with pgvector "
        ">= 0.8. Without it, Stellwerk runs its own PostgreSQL in the data directory.",
    )
    version: Literal[16, 18] = Field(
        18, description="Major version of the embedded PostgreSQL, for a new data directory."
    )
    account: str | None = Field(
        None,
        description="Account that runs the embedded PostgreSQL when Stellwerk is started by root "
        "(PostgreSQL refuses root). Default: the first that exists of stellwerk, postgres, nobody.",
    )
    start_timeout: float = Field(
        600, gt=0, description="Seconds that a recovery after a crash may take at start."
    )
    pool_size: int = Field(5, ge=1, le=200, description="Connections that one hub process keeps.")


class EngineSettings(Section):
    """Local engines and the memory that they share."""

    memory: ByteSize | None = Field(
        None,
        description="Memory that all loaded models may use together, such as `12GiB`. "
        "Default: 70 % of the machine's (or the container's) memory.",
    )
    threads: int | None = Field(
        None, ge=1, description="Threads of one engine. Default: the number of physical cores."
    )
    swap_after: float = Field(
        15,
        ge=0,
        description="Seconds that a request waits for memory before a busy model takes no new "
        "requests, finishes the ones it has and makes room.",
    )
    load_timeout: float = Field(
        600, gt=0, description="Seconds that a request waits for its model to be loaded."
    )


class BlobSettings(Section):
    """Where the bytes of files lie."""

    url: str | None = Field(
        None,
        pattern=r"^(s3|gs|az|file)://",
        description="`s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix` "
        "or `file:///directory`. Credentials come from the usual variables of that service, such "
        "as `AWS_ACCESS_KEY_ID`. Default: `blobs` in the data directory.",
    )
    options: dict[str, str] = Field(
        default_factory=dict,
        description='Options of that store, such as `endpoint = "https://minio:9000"` and '
        '`region`; `allow_http = "true"` lets it be reached without TLS.',
    )


class FileSettings(Section):
    """What `/files` takes."""

    max_size: ByteSize = Field(
        ByteSize(512 * 2**20), description="Largest file that one request may bring."
    )
    max_upload: ByteSize = Field(
        ByteSize(8 * 2**30), description="Largest file that may come in parts over `/uploads`."
    )


class LimitSettings(Section):
    """How limits are kept while the database is away."""

    grace: float = Field(
        30,
        ge=5,
        le=3600,
        description="Seconds for which a hub process serves on with the shares of limits that it "
        "holds while the database is away; then keys with limits get a 503. So long do the others "
        "leave the shares of a machine that has vanished alone.",
    )


class UsageSettings(Section):
    """What is kept of who used what."""

    flush_interval: float = Field(
        1,
        gt=0,
        le=60,
        description="Seconds between two writes of usage rows; what a `kill -9` may lose.",
    )
    spool_limit: ByteSize = Field(
        ByteSize(256 * 2**20),
        description="Largest size of the files in which usage rows wait while PostgreSQL is away.",
    )
    retention_days: int = Field(
        90, ge=1, le=3650, description="Days for which the row of each request is kept."
    )
    totals_days: int = Field(
        400, ge=1, le=36500, description="Days for which the hourly totals are kept."
    )
    currency: str = Field(
        "EUR",
        pattern="^[A-Z]{3}$",
        description="Currency of all prices in the catalogue, shown beside costs (ISO 4217).",
    )


class QueueSettings(Section):
    """Requests below `/queue`, and the workers that run them."""

    workers: int = Field(
        1, ge=0, le=64, description="Worker processes that `serve` (or `stellwerk worker`) runs."
    )
    slots: int = Field(
        32, ge=1, le=10_000, description="Requests that one worker process runs at once."
    )
    per_model: int = Field(
        4,
        ge=1,
        description="Requests of the queue that one model runs at once, on all workers together, "
        "less those that callers of `/v2` have running on a local engine.",
    )
    models: dict[str, int] = Field(
        {}, description="The same for single models: `models = { MODEL = 16 }`."
    )
    hold: float = Field(
        570,
        gt=0,
        description="Seconds for which a caller is kept waiting before it is asked to come back. "
        "SDKs wait 600 s; a proxy between may wait less.",
    )
    attempts: int = Field(
        3, ge=1, le=100, description="Attempts at a request before it is given up."
    )
    retention: int = Field(
        86_400, ge=0, description="Seconds for which a request and its answer are kept."
    )
    delivered: int = Field(
        3600,
        ge=0,
        description="Seconds for which they are kept when a caller who waited has had the answer.",
    )
    waiting: int = Field(
        10_000, ge=1, description="Requests that one key may have waiting and running."
    )
    waiting_bytes: ByteSize = Field(
        ByteSize(256 * 2**20), description="Bytes of request bodies that it may have so."
    )
    max_answer: ByteSize = Field(
        ByteSize(64 * 2**20), description="Largest answer that the queue keeps."
    )
    batches: int = Field(
        100, ge=1, description="Batches of one project that may be under way at a time."
    )
    batch_lines: int = Field(1_000_000, ge=1, description="Most lines of one batch.")


class FetchSettings(Section):
    """What is fetched from, and sent to, addresses that callers name: pictures, webhooks."""

    allow: tuple[IPvAnyNetwork, ...] = Field(
        (),
        description="Networks that callers may name although they are private, such as "
        '`["10.1.0.0/16"]`. All public addresses are allowed, no others.',
    )
    max_size: ByteSize = Field(
        ByteSize(20 * 2**20), description="Most bytes that are fetched from one URL."
    )
    timeout: float = Field(
        20, gt=0, le=600, description="Seconds that one fetch may take, redirects included."
    )


class PictureSettings(Section):
    """Pictures in conversations, and links to painted ones."""

    reader: str = Field(
        "page-reader",
        description="The model of type `OCR` that reads pictures for models that cannot see.",
    )
    most: int = Field(20, ge=0, description="Most pictures of one request.")
    max_total: ByteSize = Field(
        ByteSize(64 * 2**20), description="Most bytes of all pictures of one request."
    )
    max_pixels: int = Field(50_000_000, ge=1, description="Most pixels of one picture.")
    link_seconds: int = Field(
        3600,
        ge=60,
        le=30 * 86_400,
        description="Seconds for which links to painted pictures (`response_format` `url`) are "
        "good.",
    )


class ReadingSettings(Section):
    """What it may cost to read one file for a vector store."""

    memory: ByteSize = Field(
        ByteSize(2 * 2**30), ge=256 * 2**20, description="Memory of the process that reads it."
    )
    expanded: ByteSize = Field(
        ByteSize(2**30), description="Most bytes that a packed file (DOCX, PPTX, XLSX) unpacks to."
    )
    page_seconds: float = Field(60, gt=0, description="Seconds that one page may take.")
    pages: int = Field(20_000, ge=1, description="Most pages of a file.")
    office: str | None = Field(
        None,
        description="LibreOffice's program, which draws the pages of DOCX and PPTX. Default: "
        "`soffice` or `libreoffice` where there is one; empty: none.",
    )
    office_seconds: float = Field(180, gt=0, description="Seconds that it may take for a file.")


class TracingSettings(Section):
    """OpenTelemetry traces; they need `pip install 'stellwerk[otel]'`."""

    endpoint: AnyHttpUrl | None = Field(
        None,
        description="Base URL of an OTLP/HTTP collector, such as `http://localhost:4318`. Without "
        "it, no traces are made. `OTEL_*` variables (sampler, headers, resource) count too.",
    )


class LogSettings(Section):
    """What is logged, and in which form."""

    level: Literal["debug", "info", "warning"] = Field("info", description="Least level logged.")
    form: Literal["auto", "json", "text"] = Field(
        "auto", description="`json`, `text`, or `auto`: text on a terminal, JSON elsewhere."
    )


def default_data_dir() -> Path:
    """`/var/lib/stellwerk` for root, else `~/.local/share/stellwerk` (XDG base directories)."""
    if os.geteuid() == 0:
        return Path("/var/lib/stellwerk")
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "stellwerk"


class Settings(BaseSettings):
    """All of Stellwerk's settings."""

    model_config = SettingsConfigDict(
        env_prefix="STELLWERK_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    data_dir: Annotated[Path, Field(description="Directory of all that Stellwerk keeps.")] = Field(
        default_factory=default_data_dir
    )
    weights_dir: Path | None = Field(
        None, description="Directory of model files. Default: `models` in the data directory."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: AnyHttpUrl | None = Field(
        None,
        description="Base URL under which callers reach this hub, for links in answers. Default: "
        "the address that it listens on.",
    )
    workers: int = Field(1, ge=1, le=64, description="Hub processes on this machine.")
    shutdown_grace: float = Field(
        30, ge=0, description="Seconds that running requests may take after a stop was asked for."
    )
    max_body: ByteSize = Field(
        ByteSize(16 * 2**20), description="Largest request body of the JSON verbs."
    )
    max_recording: ByteSize = Field(
        ByteSize(256 * 2**20), description="Largest request body of the verbs that take a file."
    )
    starter_models: bool = Field(
        True, description="Offer the starter models beside those of `[[models]]`."
    )
    database: DatabaseSettings = DatabaseSettings()
    blobs: BlobSettings = BlobSettings()
    files: FileSettings = FileSettings()
    reading: ReadingSettings = ReadingSettings()
    fetch: FetchSettings = FetchSettings()
    pictures: PictureSettings = PictureSettings()
    engines: EngineSettings = EngineSettings()
    usage: UsageSettings = UsageSettings()
    limits: LimitSettings = LimitSettings()
    queue: QueueSettings = QueueSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    models: tuple[ModelEntry, ...] = Field(
        (), description="Models of this hub; see `docs/howto/models.md`."
    )

    @property
    def models_dir(self) -> Path:
        return self.weights_dir or self.data_dir / "models"

    @property
    def links_url(self) -> str:
        """What links in answers begin with; no slash at its end."""
        return str(self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def blobs_url(self) -> str:
        return self.blobs.url or (self.data_dir.absolute() / "blobs").as_uri()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """Read the settings. `flags` that are None count as not given.

    Without `config`, `STELLWERK_CONFIG` and then `stellwerk.toml` in the data directory are tried.
    Raises `pydantic.ValidationError` for a value that cannot be, `FileNotFoundError` for a missing
    `config`, `tomllib.TOMLDecodeError` for a file that is not TOML.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    path = config or _config_from_environment(given.get("data_dir"))
    if path is not None and not path.is_file():
        raise FileNotFoundError(path)

    class FileSettings(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    return FileSettings(**given)


def _config_from_environment(data_dir: Path | None) -> Path | None:
    if named := os.environ.get("STELLWERK_CONFIG"):
        return Path(named)
    directory = data_dir or Path(os.environ.get("STELLWERK_DATA_DIR") or default_data_dir())
    path = directory / CONFIG_NAME
    return path if path.is_file() else None
