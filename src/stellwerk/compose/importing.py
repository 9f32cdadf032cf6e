"""The models of another server as entries of our catalogue."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
from pydantic import ValidationError

from stellwerk.base.errors import Kind, StellwerkError
from stellwerk.base.model_entry import MetaDataEntry, ModelEntry, ModelType, UpstreamEntry
from stellwerk.base.settings import Settings
from stellwerk.compose.database import open_database
from stellwerk.compose.models import declared_models
from stellwerk.features.catalog.errors import EntryConflictError
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.upstream_key import check_key_of_admin
from stellwerk.upstreams.remote import Base

LONGEST_LIST = 16 * 2**20
TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)
TYPES: dict[Any, ModelType] = {
    "LLM": "LLM",
    "EMBEDDING": "EMBEDDING",
    "VISION_EMBEDDING": "VISION_EMBEDDING",
    "STT": "STT",
    "TTS": "TTS",
    "IMAGE": "IMAGE",
    "OCR": "OCR",
    "RERANK": "RERANK",
}
# What ids of other models than language models have in them, where the server does not say.
SPEAKING_NAMES: tuple[tuple[ModelType, tuple[str, ...]], ...] = (
    ("RERANK", ("rerank",)),
    ("VISION_EMBEDDING", ("colqwen", "colpali", "colsmol", "colmodernvbert", "colembed")),
    ("EMBEDDING", ("embed", "e5-", "bge-", "gte-", "minilm")),
    ("STT", ("whisper", "transcribe")),
    ("TTS", ("tts", "kokoro", "piper")),
    ("IMAGE", ("dall-e", "stable-diffusion", "flux", "gpt-image")),
)


class ModelListError(StellwerkError):
    """502: another server's list of models cannot be read."""

    kind = Kind.UPSTREAM
    code = "model_list_unreadable"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one model of the list. `reason` says why it was not added."""

    id: str
    type: ModelType
    upstream_model: str
    outcome: Literal["added", "exists", "refused"]
    reason: str | None = None


async def import_models(settings: Settings, upstream: UpstreamEntry, prefix: str) -> list[Imported]:
    """Add each model of `upstream` that the catalogue lacks; its id is `prefix` + the one there.

    Raises `ModelListError`, and `InvalidRequestError` for a variable that may hold no upstream's
    key.
    """
    check_key_of_admin(ModelEntry(id="any", upstream=upstream))
    listed = models_of(await fetch(upstream), str(upstream.url))
    async with open_database(settings) as database:
        catalog = Catalog(database, declared_models(settings))
        await catalog.load()
        return [await _added(catalog, upstream, prefix, told) for told in listed]


async def fetch(upstream: UpstreamEntry) -> bytes:
    """`GET {url}/models`. Raises `ModelListError`."""
    base = Base.of(str(upstream.url))
    scheme = "https" if base.address.tls else "http"
    address = f"{scheme}://{base.host}{base.path}/models{base.query}"
    headers = {"accept": "application/json", **_credential(upstream)}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            # A key is sent nowhere but to the address that was given.
            session.get(address, headers=headers, allow_redirects=False) as response,
        ):
            body = b""
            async for piece in response.content.iter_chunked(2**16):
                body += piece
                if len(body) > LONGEST_LIST:
                    raise ModelListError(f"{address} answers with more than 16 MiB.")
    except TimeoutError as error:
        raise ModelListError(f"{address} does not answer in time.") from error
    except (aiohttp.ClientError, OSError) as error:
        raise ModelListError(f"{address} cannot be reached: {error}.") from error
    if response.status != 200:
        raise ModelListError(f"{address} answers with {response.status}{_advice(response)}.")
    return body


def _credential(upstream: UpstreamEntry) -> dict[str, str]:
    variable = upstream.api_key_env
    if variable is None:
        return {}
    if not (secret := os.environ.get(variable)):
        raise ModelListError(
            f"The environment variable {variable} is not set: give it to this command, and to "
            "`stellwerk serve`."
        )
    if upstream.api_key_header == "authorization":
        secret = f"Bearer {secret}"
    return {upstream.api_key_header: secret}


def _advice(response: aiohttp.ClientResponse) -> str:
    match response.status:
        case 401 | 403:
            return ": it wants another key (--api-key-env)"
        case 404:
            return ": the base URL often ends with /v1"
        case 301 | 302 | 307 | 308:
            place = response.headers.get("location", "another place")
            return f", which leads to {place}: give the address there"
    return ""


def models_of(body: bytes, address: str) -> list[Mapping[str, Any]]:
    """The models of an OpenAI list, each id once. Raises `ModelListError`."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ModelListError(f"{address}/models is not JSON.") from error
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise ModelListError(f"{address}/models is no list of models: it has no array `data`.")
    models = {
        told["id"]: told
        for told in data
        if isinstance(told, dict) and isinstance(told.get("id"), str)
    }
    if not models:
        raise ModelListError(f"{address}/models names no model.")
    return list(models.values())


async def _added(
    catalog: Catalog, upstream: UpstreamEntry, prefix: str, told: Mapping[str, Any]
) -> Imported:
    name = told["id"]
    made, kind = prefix + name, model_type(told)
    if not made.isprintable():
        # It would be shown to a terminal.
        return Imported(ascii(made), kind, ascii(name), "refused", "id: only printable characters.")

    def became(outcome: Literal["added", "exists", "refused"], why: str | None = None) -> Imported:
        return Imported(made, kind, name, outcome, why)

    if (known := catalog.models.find(made)) is not None:
        alias = f", as an alias of {known.id!r}" if known.id != made else ""
        return became("exists", f"It is in the catalogue already{alias}.")
    try:
        target = UpstreamEntry.model_validate({**upstream.model_dump(mode="json"), "model": name})
        entry = ModelEntry(id=made, type=kind, upstream=target, meta_data=_meta_data(told))
        await catalog.put(entry, new=True)
    except ValidationError as error:
        first = error.errors()[0]
        return became("refused", f"{'.'.join(map(str, first['loc']))}: {first['msg']}.")
    except EntryConflictError as error:
        return became("exists", error.message)
    return became("added")


def model_type(told: Mapping[str, Any]) -> ModelType:
    """What the server says that the model does, or else what its id lets guess."""
    meta = told.get("meta_data")
    said = meta.get("model_type") if isinstance(meta, dict) else None
    if isinstance(said, str) and said.upper() in TYPES:
        return TYPES[said.upper()]
    name = told["id"].lower()
    for guess, words in SPEAKING_NAMES:
        if any(word in name for word in words):
            return guess
    return "LLM"


def _meta_data(told: Mapping[str, Any]) -> MetaDataEntry:
    """What another hub says in `meta_data`, or vLLM of a model's length; nothing if it is odd."""
    meta = told.get("meta_data")
    said = {
        name: value
        for name, value in (meta.items() if isinstance(meta, dict) else ())
        # An empty value says nothing.
        if name in MetaDataEntry.model_fields and value
    }
    if length := told.get("max_model_len"):
        said.setdefault("max_sequence_length", length)
    try:
        return MetaDataEntry.model_validate(said)
    except ValidationError:
        return MetaDataEntry()
