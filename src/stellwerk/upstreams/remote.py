"""Another server that answers the OpenAI API, as a target."""

from contextlib import AbstractAsyncContextManager

from stellwerk.upstreams.client import Client, HttpAnswer


class RemoteTarget:
    """A base URL such as `https://host/v1`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def post(self, path: str, body: bytes) -> AbstractAsyncContextManager[HttpAnswer]:
        return self._client.post(path, body)
