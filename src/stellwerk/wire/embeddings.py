"""`POST /embeddings`: texts in, vectors out, in OpenAI's shape."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Tokens = list[int]

Input = Annotated[
    str | list[str | int | Tokens],
    Meta(
        description="What to embed: a text, a list of up to 2,048 texts, the tokens of one text, "
        "or a list of such token lists. Tokens must be of the model's own vocabulary; a model "
        "without a token interface answers them with an error that names the client's setting.",
        examples=["How far is the next station?", ["A first text.", "A second one."]],
    ),
]


class EmbeddingRequest(msgspec.Struct, kw_only=True):
    """Texts to embed, and how."""

    model: Annotated[
        str,
        Meta(description="Id of an embedding model.", examples=["multilingual-e5-small"]),
    ]
    input: Input
    encoding_format: Annotated[
        Literal["float", "base64"] | None,
        Meta(
            description="`float`: a list of numbers (the default). `base64`: the same numbers as "
            "little-endian 32-bit floats in base64, which is shorter.",
            examples=["float"],
        ),
    ] = None
    dimensions: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Length of the vectors. Only models that were trained for it can "
            "shorten them; for all others this must be their own length, or absent.",
            examples=[384],
        ),
    ] = None
    input_type: Annotated[
        Literal["query", "passage"] | None,
        Meta(
            description="Whether the texts are search queries or passages to be found. Models of "
            "the e5 family embed the two differently. Default: `passage`. A text that begins with "
            "`query: ` or `passage: ` says so itself, and that counts.",
            examples=["query"],
        ),
    ] = None
    usage_per_input: Annotated[
        bool | None,
        Meta(
            description="Whether `usage.inputs` tells the tokens of each text. Models that run "
            "here can; other servers may refuse the field.",
            examples=[True],
        ),
    ] = None
    user: Annotated[
        str | None,
        Meta(description="Your name for the end user. Accepted, not used.", examples=["user-17"]),
    ] = None


class Embedding(msgspec.Struct, kw_only=True):
    """The vector of one input."""

    object: Annotated[
        Literal["embedding"], Meta(description="Always `embedding`.", examples=["embedding"])
    ] = "embedding"
    index: Annotated[
        int, Meta(ge=0, description="Place of the text in `input`, from 0.", examples=[0])
    ]
    embedding: Annotated[
        list[float] | str,
        Meta(
            description="The vector, of length 1: numbers, or base64 of little-endian 32-bit "
            "floats where `encoding_format` asked for it.",
            examples=[[0.013, -0.042, 0.057]],
        ),
    ]


class EmbeddingUsage(msgspec.Struct, kw_only=True):
    """What the call used."""

    prompt_tokens: Annotated[
        int, Meta(ge=0, description="Tokens of all the texts together.", examples=[8])
    ]
    total_tokens: Annotated[
        int, Meta(ge=0, description="The same number; embeddings produce none.", examples=[8])
    ]
    inputs: Annotated[
        list[int] | msgspec.UnsetType,
        Meta(description="Tokens of each text, where `usage_per_input` asked for it."),
    ] = msgspec.UNSET


class EmbeddingList(msgspec.Struct, kw_only=True):
    """One vector for each text, in the order of `input`."""

    object: Annotated[Literal["list"], Meta(description="Always `list`.", examples=["list"])] = (
        "list"
    )
    data: Annotated[list[Embedding], Meta(description="The vectors, in the order of `input`.")]
    model: Annotated[str, Meta(description="Id of the model.", examples=["multilingual-e5-small"])]
    usage: Annotated[EmbeddingUsage, Meta(description="Tokens that the call used.")]
