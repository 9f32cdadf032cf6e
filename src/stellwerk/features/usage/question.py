"""What one may ask of the usage, checked field by field."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from stellwerk.base.values import Line

GROUPS = ("day", "project", "key", "model", "target", "operation")
GroupName = Literal["day", "project", "key", "model", "target", "operation"]

DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
SECONDS = re.compile(r"\d{1,12}", re.ASCII)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
FORMS = "2030-01-31, 2030-01-31T12:00:00Z (RFC 3339, with an offset) or Unix seconds"
LARGEST_PAGE = 10_000


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        moment = _read(str(value))
    except (ValueError, OverflowError):
        raise ValueError(f"write {FORMS}") from None
    if not EARLIEST <= moment < LATEST:
        raise ValueError("the moment must lie between the years 1970 and 9000")
    return moment


def _read(text: str) -> datetime:
    if DAY.fullmatch(text):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    if SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    # A plus sign in an address that nobody has escaped arrives as a space.
    moment = datetime.fromisoformat(re.sub(r" (?=\d\d:\d\d$)", "+", text))
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)


def _groups(value: Any) -> Any:
    """`a,b` and `["a", "b"]` are the same."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        return given
    names = [part.strip() for one in given for part in str(one).split(",")]
    if wrong := [name for name in names if name not in GROUPS]:
        raise ValueError(f"{wrong[0]!r} is none of {', '.join(GROUPS)}")
    return tuple(dict.fromkeys(names))


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]


class Question(BaseModel):
    """Which usage is asked for, and how it is added up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Moment | None = Field(
        None, description=f"First moment: {FORMS}. Default: 30 days before `end`."
    )
    end: Moment | None = Field(
        None, description="First moment that counts no more, written likewise. Default: now."
    )
    group_by: Annotated[tuple[GroupName, ...], BeforeValidator(_groups)] = Field(
        (),
        description="`day` (in UTC), `project`, `key`, `model`, `target`, `operation`; several by "
        "commas, or given again. Without it, everything is one total.",
    )
    key: Line | None = Field(None, min_length=1, description="Only of this key: its id or name.")
    project: Line | None = Field(
        None, min_length=1, description="Only of this project: its id or name."
    )
    model: Line | None = Field(None, min_length=1, description="Only of this model: its id.")
