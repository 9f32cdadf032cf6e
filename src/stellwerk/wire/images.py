"""`POST /images/generations`, `/images/edits` and `/images/variations`: pictures out."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

ImageForm = Literal["png", "jpeg", "webp"]
Model = Annotated[
    str, Meta(description="Id or alias of a model that paints.", examples=["gpt-image-1"])
]
Prompt = Annotated[
    str,
    Meta(
        description="What is to be seen.",
        min_length=1,
        max_length=32_000,
        examples=["A red signal box."],
    ),
]
Number = Annotated[
    Annotated[int, Meta(ge=1, le=10)] | None, Meta(description="How many pictures. Default 1.")
]
Size = Annotated[
    Annotated[str, Meta(pattern=r"^(auto|[1-9]\d{1,4}x[1-9]\d{1,4})$")] | None,
    Meta(description="`WIDTHxHEIGHT` in pixels, or `auto`: the model's own.", examples=["512x512"]),
]
Quality = Annotated[
    Literal["auto", "low", "medium", "high", "standard", "hd"] | None,
    Meta(description="How much work is put in. Local models take more or fewer steps."),
]
ResponseFormat = Annotated[
    Literal["b64_json", "url"] | None,
    Meta(description="The picture itself in base64 (the default), or a link that ends in time."),
]
OutputFormat = Annotated[ImageForm | None, Meta(description="Default `png`.")]
Compression = Annotated[
    Annotated[int, Meta(ge=0, le=100)] | None,
    Meta(description="Quality of `jpeg` and `webp`, in percent. Default 100."),
]
Background = Annotated[
    Literal["auto", "opaque", "transparent"] | None,
    Meta(description="`transparent`: upstreams only."),
]
Seed = Annotated[
    Annotated[int, Meta(ge=0, le=2**53)] | None,
    Meta(description="The same seed gives the same picture again. Default: another each time."),
]
Stream = Annotated[
    bool | None, Meta(description="Send events: each picture when it is done, or before.")
]
PartialImages = Annotated[
    Annotated[int, Meta(ge=0, le=3)] | None,
    Meta(description="In a stream: how many pictures to send of each before it is done."),
]
Style = Annotated[
    Literal["vivid", "natural"] | None, Meta(description="Of `dall-e-3`: upstreams only.")
]
Moderation = Annotated[
    Literal["auto", "low"] | None,
    Meta(description="How strictly an upstream judges. Not used by local models."),
]
Fidelity = Annotated[
    Literal["low", "high"] | None,
    Meta(description="How much of the picture stays as it is. `high`: upstreams only."),
]
User = Annotated[str | None, Meta(description="Your name for the end user. Not used.")]
Picture = Annotated[
    bytes,
    Meta(
        description="A picture, as a file: PNG, JPEG, WebP, GIF, TIFF or BMP.",
        extra_json_schema={"format": "binary", "contentEncoding": "binary"},
    ),
]
Mask = Annotated[
    bytes | None,
    Meta(
        description="A picture of the same size with an alpha channel: where it is transparent, "
        "there is painted.",
        extra_json_schema={"format": "binary", "contentEncoding": "binary"},
    ),
]


class ImageRequest(msgspec.Struct, kw_only=True):
    """A picture out of words."""

    model: Model
    prompt: Prompt
    n: Number = None
    size: Size = None
    quality: Quality = None
    response_format: ResponseFormat = None
    output_format: OutputFormat = None
    output_compression: Compression = None
    background: Background = None
    seed: Seed = None
    stream: Stream = None
    partial_images: PartialImages = None
    style: Style = None
    moderation: Moderation = None
    user: User = None


class ImageEditRequest(msgspec.Struct, kw_only=True):
    """A form with a picture that is to be changed."""

    model: Model
    prompt: Prompt
    image: Annotated[
        list[Picture],
        Meta(description="The picture. Local models take one.", min_length=1, max_length=16),
    ] = msgspec.field(name="image[]")
    mask: Mask = None
    n: Number = None
    size: Size = None
    quality: Quality = None
    response_format: ResponseFormat = None
    output_format: OutputFormat = None
    output_compression: Compression = None
    background: Background = None
    seed: Seed = None
    stream: Stream = None
    partial_images: PartialImages = None
    input_fidelity: Fidelity = None
    user: User = None


class ImageVariationRequest(msgspec.Struct, kw_only=True):
    """A form with a picture of which others like it are wanted."""

    model: Model
    image: Picture
    n: Number = None
    size: Size = None
    response_format: ResponseFormat = None
    output_format: OutputFormat = None
    seed: Seed = None
    user: User = None


class MadeImage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One picture."""

    b64_json: Annotated[str | None, Meta(description="Its file in base64.")] = None
    url: Annotated[str | None, Meta(description="Where it can be fetched for a while.")] = None
    revised_prompt: Annotated[
        str | None, Meta(description="What the model was told, if that was something else.")
    ] = None


class ImagesInputDetails(msgspec.Struct, kw_only=True):
    """What the input's tokens were."""

    text_tokens: Annotated[int, Meta(description="Of the prompt.")] = 0
    image_tokens: Annotated[int, Meta(description="Of pictures.")] = 0


class ImagesUsage(msgspec.Struct, kw_only=True):
    """Tokens. Local models read the prompt's and write none: pictures are counted as pictures."""

    input_tokens: Annotated[int, Meta(description="Read.")]
    output_tokens: Annotated[int, Meta(description="Written.")]
    total_tokens: Annotated[int, Meta(description="Both together.")]
    input_tokens_details: Annotated[
        ImagesInputDetails | None, Meta(description="More on the input.")
    ] = None


class ImagesAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Pictures."""

    created: Annotated[int, Meta(description="When they were made, in Unix seconds.")]
    data: Annotated[list[MadeImage], Meta(description="One for each of `n`.")]
    output_format: Annotated[ImageForm | None, Meta(description="Of the files.")] = None
    size: Annotated[str | None, Meta(description="`WIDTHxHEIGHT`.")] = None
    quality: Annotated[str | None, Meta(description="As it was asked for.")] = None
    background: Annotated[str | None, Meta(description="`opaque` or `transparent`.")] = None
    usage: Annotated[ImagesUsage | None, Meta(description="What the call took.")] = None


class ImageEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One event of a stream."""

    type: Annotated[str, Meta(description="`image_generation.partial_image`, `.completed`, ...")]
    b64_json: Annotated[str | None, Meta(description="The picture so far, in base64.")] = None
    partial_image_index: Annotated[
        int | None, Meta(description="Its number, from 0, if it is not done.")
    ] = None
    created_at: Annotated[int | None, Meta(description="Unix seconds.")] = None
    output_format: Annotated[ImageForm | None, Meta(description="Of the file.")] = None
    size: Annotated[str | None, Meta(description="`WIDTHxHEIGHT`.")] = None
    quality: Annotated[str | None, Meta(description="As it was asked for.")] = None
    background: Annotated[str | None, Meta(description="`opaque` or `transparent`.")] = None
    usage: Annotated[
        ImagesUsage | None, Meta(description="In the last event: what the call took.")
    ] = None
