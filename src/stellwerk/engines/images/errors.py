"""What can be wrong with an order for a picture."""

from stellwerk.base.errors import InvalidRequestError

# Pixels of the shortest side.
LEAST = 64


class NotPaintedError(InvalidRequestError):
    """A local model cannot do what a field asks for."""

    code = "unsupported_value"

    def __init__(self, param: str, message: str) -> None:
        super().__init__(f"`{param}`: {message}", param=param)


class ImageSizeError(InvalidRequestError):
    """The model does not paint pictures of this size."""

    code = "invalid_size"

    def __init__(self, size: str, step: int, longest: int) -> None:
        super().__init__(
            f"`size`: this model paints no picture of {size}. Width and height are multiples of "
            f"{step}, at least {LEAST} and at most {longest} pixels.",
            param="size",
        )


class WithheldError(InvalidRequestError):
    """400: the model's own filter found something in the picture."""

    code = "content_policy_violation"

    def __init__(self) -> None:
        super().__init__(
            "The model's safety checker withheld the picture. Another `prompt` or `seed` may do.",
            param="prompt",
        )
