"""Batches, put together for the processes that serve them and those that run them."""

from functools import partial

from stellwerk.base.errors import StellwerkError
from stellwerk.base.settings import Settings
from stellwerk.compose.core import Core
from stellwerk.features.batches.checking import Checking
from stellwerk.features.batches.progress import Progress
from stellwerk.features.batches.types import PREFIX
from stellwerk.features.batches.validation import CheckModel
from stellwerk.features.files.service import Files
from stellwerk.operations.batch_lines import BatchLines, together
from stellwerk.operations.registry import OPERATIONS
from stellwerk.worker.batching import Batching
from stellwerk.worker.handler import Handler, Lines

# What a line of JSON can ask for.
BATCHABLE = {operation.name: operation for operation in OPERATIONS if operation.batchable}


def batching(core: Core, files: Files, settings: Settings) -> Batching:
    """For a worker."""

    async def checks(key_id: str, operation: str) -> CheckModel:
        principal = await core.keyring.holder(key_id)

        def check(model: str) -> StellwerkError | None:
            try:
                core.runner.able(BATCHABLE[operation], principal, model)
            except StellwerkError as error:
                return error
            return None

        return check

    longest = int(settings.max_body)
    checking = Checking(
        core.database,
        files,
        checks,
        path=lambda operation: BATCHABLE[operation].path,
        longest=longest,
        most=settings.queue.batch_lines,
    )
    progress = Progress(
        core.database,
        files,
        partial(together, core.runner),
        longest=longest,
        attempts=settings.queue.attempts,
    )
    return Batching(checking, progress)


def line_handlers(core: Core) -> dict[str, Handler]:
    """What runs the rows of batches, by the names that the rows have."""
    return {
        PREFIX + operation.name: Lines(BatchLines(operation, core.runner), core.keyring)
        for operation in BATCHABLE.values()
    }
