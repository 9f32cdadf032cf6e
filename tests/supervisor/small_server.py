"""The parent process with a small hub: `python -m tests.supervisor.small_server SETTINGS DSN`."""

import asyncio
import json
import sys
from pathlib import Path

from stellwerk.base.errors import StellwerkError
from stellwerk.base.log import configure
from stellwerk.base.settings import Settings
from stellwerk.engines.e5.spec import SPEC
from stellwerk.supervisor.lock import HeldError
from stellwerk.supervisor.parent import Parts, supervise


class Database:
    """Tells when it is entered and left, as a PostgreSQL would start and stop."""

    async def __aenter__(self) -> None:
        say("database starts")
        await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        say("database stops")


def say(text: str) -> None:
    print(text, flush=True)


async def prepare() -> None:
    say("prepared")


async def main(settings: Settings, dsn: str) -> None:
    parts = Parts(
        specs={"e5": SPEC},
        dsn=dsn,
        prepare=prepare,
        announce=say,
        postgres=Database(),
        hub_command=[sys.executable, str(Path(__file__).with_name("small_hub.py"))],
    )
    # There is no database here that could hold a queue.
    queue = settings.queue.model_copy(update={"workers": 0})
    await supervise(settings.model_copy(update={"queue": queue}), parts)


if __name__ == "__main__":
    configure("info", "json")
    try:
        asyncio.run(main(Settings(**json.loads(sys.argv[1])), sys.argv[2]))
    except HeldError as error:
        say(error.message)
        sys.exit(3)
    except StellwerkError as error:
        say(error.message)
        sys.exit(1)
    say("all is closed")
