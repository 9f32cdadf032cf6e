"""msgspec structs as answers of FastAPI routes."""

from typing import Any

import msgspec
from starlette.responses import Response


class StructResponse(Response):
    """A msgspec struct as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)
