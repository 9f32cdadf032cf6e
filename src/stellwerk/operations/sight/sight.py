"""The pictures of one call, as each of its targets takes them.

A target that fetches by itself gets the body as it came. For one that does not, the hub fetches and
sends data URLs. One that does not see gets a text in place of each picture.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from stellwerk.base.errors import InvalidRequestError
from stellwerk.base.model_entry import PictureForm
from stellwerk.base.settings import PictureSettings
from stellwerk.features.catalog.types import Model, Models
from stellwerk.features.files.errors import UnknownFileError
from stellwerk.features.files.service import Files
from stellwerk.features.keys.types import Principal
from stellwerk.fetch.errors import FetchedTooLargeError, InvalidUrlError
from stellwerk.fetch.fetcher import Fetcher
from stellwerk.operations.asking import Asker
from stellwerk.operations.body import Fields
from stellwerk.operations.operation import Call
from stellwerk.operations.sight.parts import Conversation, Shown
from stellwerk.operations.sight.picture import (
    Picture,
    PictureTooLargeError,
    data_of,
    picture_of,
)
from stellwerk.operations.sight.reading import PageReader, words
from stellwerk.wire.data_url import is_data
from stellwerk.wire.decode import decode

T = TypeVar("T")

Bodies = dict[PictureForm, Fields]
Looking = Callable[[], Coroutine[Any, Any, Bodies]]

AT_ONCE = 4
# To take apart, or put together, more than this takes long enough that others would wait.
LARGE = 256 * 2**10


class BlindModelError(InvalidRequestError):
    """400: the model takes no pictures, and there is nothing that could read them for it."""

    code = "unsupported_content"


class Sight:
    """One for each process."""

    def __init__(self, fetcher: Fetcher, files: Files, settings: PictureSettings) -> None:
        self._fetcher = fetcher
        self._files = files
        self._settings = settings
        self._reader = PageReader(settings.reader)

    async def bodies(
        self, asker: Asker, models: Models, model: Model, call: Call, forms: Collection[PictureForm]
    ) -> Bodies:
        """The fields of the body for each kind of target; nothing where the body can stay.

        Raises `StellwerkError`; where a picture is at fault, `param` is the field that holds it.
        """
        wanted = set(forms) - {"url"}
        if not wanted:
            return {}
        fields = await _aside(len(call.body), lambda: decode(call.body, Fields))
        found = await _conversation(call, fields)
        if found is None:
            return {}
        reader = None
        if "none" in wanted:
            reader = self._able(models, model, call.principal, found.shown[0].param)
        pictures = await self._pictures(found.shown, call.principal.project_id)
        size = len(call.body) + sum(len(picture.data) for picture in pictures)
        made: Bodies = {}
        for form in wanted:
            # The one before has changed the parts.
            one = found if not made else await _conversation(call, fields)
            assert one is not None
            if form == "none":
                assert reader is not None
                await self._tell(asker, call, one, pictures)
            else:
                await _aside(size, partial(_put, one, pictures))
            made[form] = await _aside(size, partial(one.put_into, fields))
        return made

    async def _tell(
        self, asker: Asker, call: Call, conversation: Conversation, pictures: list[Picture]
    ) -> None:
        """Texts in place of pictures, read one after the other: the reader takes one at a time."""
        many = len(pictures) > 1
        for number, (shown, picture) in enumerate(zip(conversation.shown, pictures, strict=True)):
            closely = shown.detail != "low"
            page = await self._reader.page(
                asker, call.principal, picture, call.request_id, shown.param, closely=closely
            )
            name = f"Image {number + 1} of {len(pictures)}" if many else "Image"
            text = words(picture, page, name, places=shown.detail == "high")
            shown.tell(conversation.text_kind, text)

    def _able(self, models: Models, model: Model, principal: Principal, param: str) -> str:
        """The model that reads pictures. Raises `BlindModelError`."""
        name = self._settings.reader
        reader = models.find(name)
        if reader is None or reader.entry.type != "OCR":
            why = f"there is no model {name!r} of type OCR (`pictures.reader`) to read them for it"
        elif not principal.may_use(reader.id):
            why = f"your key may not use {reader.id!r}, which would read them for it"
        else:
            return reader.id
        raise BlindModelError(
            f"`{param}`: the model {model.id!r} takes no pictures, and {why}.", param=param
        )

    async def _pictures(self, shown: Sequence[Shown], project_id: str) -> list[Picture]:
        """Each part's picture. One address is fetched once."""
        most = self._settings.most
        if len(shown) > most:
            param = shown[most].param
            raise PictureTooLargeError(f"`{param}`: more than {most} pictures.", param=param)
        places = {one.place: one for one in reversed(shown)}
        # What is fetched once is sent as often as it is shown.
        times = Counter(one.place for one in shown)
        gate, room = asyncio.Semaphore(AT_ONCE), [int(self._settings.max_total)]

        async def get(one: Shown) -> Picture:
            async with gate:
                return await self._picture(one, times[one.place], project_id, room)

        tasks = {place: asyncio.ensure_future(get(one)) for place, one in places.items()}
        try:
            await asyncio.gather(*tasks.values())
        finally:
            for task in tasks.values():
                task.cancel()
        return [tasks[one.place].result() for one in shown]

    async def _picture(self, one: Shown, times: int, project_id: str, room: list[int]) -> Picture:
        param = one.param
        if one.file_id is not None:
            data = await self._kept(one.file_id, param, project_id)
        elif is_data(one.url):
            data = await _aside(len(one.url), lambda: data_of(one.url, param))
        else:
            data = await self._fetched(one.url, param)
        room[0] -= len(data) * times
        if room[0] < 0:
            most = int(self._settings.max_total)
            message = f"`{param}`: all pictures together have more than {most} bytes."
            raise PictureTooLargeError(message, param=param)
        return picture_of(data, param, self._settings.max_pixels)

    async def _fetched(self, url: str, param: str) -> bytes:
        try:
            return (await self._fetcher.fetch(url, param=param)).data
        except FetchedTooLargeError as error:
            # 413 would be said of the body that the caller sent.
            raise PictureTooLargeError(error.message, param=param) from error
        except InvalidUrlError as error:
            message = f"{error.message} A picture itself is sent as `data:image/png;base64,...`."
            raise InvalidUrlError(message, param=param) from error

    async def _kept(self, file_id: str, param: str, project_id: str) -> bytes:
        """A file that was uploaded before. Raises `UnknownFileError`."""
        try:
            stored = await self._files.stored(project_id, file_id)
        except UnknownFileError as error:
            error.param = param
            raise
        if stored.file.bytes > self._settings.max_total:
            message = f"`{param}`: the file is larger than a picture may be."
            raise PictureTooLargeError(message, param=param)
        return b"".join([chunk async for chunk in self._files.read(stored)])


def _put(conversation: Conversation, pictures: list[Picture]) -> None:
    for shown, picture in zip(conversation.shown, pictures, strict=True):
        shown.put(picture.url)


async def _conversation(call: Call, fields: Fields) -> Conversation | None:
    return await _aside(len(call.body), lambda: Conversation.of(fields))


async def _aside(size: int, work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work) if size > LARGE else work()
