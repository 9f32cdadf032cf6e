"""`POST /images/generations`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.images import ImageEvent, ImageRequest, ImagesAnswer

OPERATION = Operation(
    name="images.generations",
    path="/images/generations",
    serves="IMAGE",
    request=ImageRequest,
    response=ImagesAnswer,
    event=ImageEvent,
    summary="Make pictures",
    description="Paints what the prompt says.",
    example={"model": "gpt-image-1", "prompt": "A red signal box at dusk."},
)
