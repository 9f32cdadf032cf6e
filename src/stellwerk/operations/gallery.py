"""Painted pictures that are wanted as links: kept as files of the project for a while."""

import binascii
from collections.abc import AsyncIterator

import filetype
import msgspec

from stellwerk.features.files.links import Links
from stellwerk.features.files.service import Files
from stellwerk.features.files.types import SHORTEST_LIFE, ExpiresAfter, NewFile
from stellwerk.operations import form
from stellwerk.operations.body import Fields
from stellwerk.operations.operation import Call, Operation
from stellwerk.upstreams.failures import UpstreamError
from stellwerk.wire.images import MadeImage

PURPOSE = "image_output"


class _Asked(msgspec.Struct):
    response_format: str | None = None


class _Answer(msgspec.Struct):
    data: list[MadeImage]


_asked = msgspec.json.Decoder(_Asked)
_answer = msgspec.json.Decoder(_Answer)


class Gallery:
    """Turns base64 in an answer into links that are good for `seconds`."""

    def __init__(self, files: Files, links: Links, seconds: int) -> None:
        self._files = files
        self._links = links
        self._seconds = seconds

    async def linked(self, project_id: str, body: bytes) -> bytes:
        """The answer with links in place of pictures. Raises `StellwerkError`.

        A server that made links of its own is left to it.
        """
        try:
            fields = msgspec.json.decode(body, type=Fields)
            made = _answer.decode(body).data
            for one in made:
                if one.b64_json is not None and one.url is None:
                    data = binascii.a2b_base64(one.b64_json)
                    one.url, one.b64_json = await self._kept(project_id, data), None
        except (msgspec.MsgspecError, binascii.Error) as error:
            raise UpstreamError("The model answered with something else than pictures.") from error
        return msgspec.json.encode({**fields, "data": made})

    async def _kept(self, project_id: str, data: bytes) -> str:
        kind = filetype.guess_extension(data) or "bin"
        life = ExpiresAfter(anchor="created_at", seconds=max(self._seconds, SHORTEST_LIFE))
        new = NewFile(filename=f"picture.{kind}", purpose=PURPOSE, expires_after=life)
        file = await self._files.create(project_id, new, _once(data))
        return self._links.to(file.id, self._seconds)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def wants_links(operation: Operation, call: Call) -> bool:
    """Whether `response_format` asks for links. What cannot be read does not."""
    if operation.serves != "IMAGE":
        return False
    if operation.form:
        return form.texts(call).get("response_format") == "url"
    try:
        return _asked.decode(call.body).response_format == "url"
    except msgspec.MsgspecError:
        return False
