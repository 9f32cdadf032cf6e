"""What can be wrong with a webhook."""

from stellwerk.base.errors import InvalidRequestError


class NoWebhookSecretError(InvalidRequestError):
    """400: nothing is sent unsigned, and the project has no secret to sign with."""

    code = "no_webhook_secret"

    def __init__(self, param: str) -> None:
        super().__init__(
            f"`{param}`: your project has no webhook secret yet. An administrator makes one: "
            "`stellwerk queue webhook-secret PROJECT`.",
            param=param,
        )
