"""`POST /pooling`: a text or a picture in, a vector for each of its tokens out, in vLLM's shape."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stellwerk.wire.messages import ImagePart, TextPart


class PoolingMessage(msgspec.Struct, kw_only=True):
    """A picture, with the words that the model was trained to see beside it."""

    role: Annotated[Literal["user"], Meta(description="Always `user`.", examples=["user"])] = "user"
    content: Annotated[
        list[TextPart | ImagePart],
        Meta(
            min_length=1,
            description="The picture as a data URI, and a text.",
        ),
    ]


class PoolingRequest(msgspec.Struct, kw_only=True):
    """Texts, or one picture, to turn into vectors."""

    model: Annotated[
        str, Meta(description="Id of a vision embedding model.", examples=["colqwen2-v1.0"])
    ]
    input: Annotated[
        str | list[str] | None,
        Meta(description="Questions.", examples=["Which quarter had the highest revenue?"]),
    ] = None
    messages: Annotated[
        Annotated[list[PoolingMessage], Meta(min_length=1, max_length=1)] | None,
        Meta(description="A page, instead of `input`."),
    ] = None
    encoding_format: Annotated[
        Literal["float"] | None, Meta(description="Numbers.", examples=["float"])
    ] = None


class PoolingVectors(msgspec.Struct, kw_only=True):
    """The vectors of one text or picture."""

    index: Annotated[int, Meta(ge=0, description="Its place in `input`.", examples=[0])] = 0
    object: Annotated[str, Meta(description="Always `pooling`.", examples=["pooling"])] = "pooling"
    data: Annotated[
        list[list[float]],
        Meta(description="A vector for each token, or patch.", examples=[[[0.1, -0.2]]]),
    ]


class PoolingUsage(msgspec.Struct, kw_only=True):
    """What the call used."""

    prompt_tokens: Annotated[int, Meta(ge=0, description="Tokens and patches.", examples=[21])] = 0
    total_tokens: Annotated[int, Meta(ge=0, description="The same.", examples=[21])] = 0


class PoolingAnswer(msgspec.Struct, kw_only=True):
    """The vectors, for comparison by MaxSim."""

    id: Annotated[str | None, Meta(description="Identifier, where the server gives one.")] = None
    object: Annotated[str, Meta(description="Always `list`.", examples=["list"])] = "list"
    created: Annotated[int, Meta(description="Unix seconds.", examples=[1_790_000_000])] = 0
    model: Annotated[str, Meta(description="Id of the model.", examples=["colqwen2-v1.0"])]
    data: Annotated[list[PoolingVectors], Meta(description="One entry a text or picture.")]
    usage: Annotated[PoolingUsage | None, Meta(description="What the call used.")] = None
