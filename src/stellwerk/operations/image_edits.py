"""`POST /images/edits`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.images import ImageEditRequest, ImageEvent, ImagesAnswer

OPERATION = Operation(
    name="images.edits",
    path="/images/edits",
    serves="IMAGE",
    form=True,
    request=ImageEditRequest,
    response=ImagesAnswer,
    event=ImageEvent,
    summary="Change a picture",
    description="Paints what the prompt says into a picture, where the mask is open.",
    example={"model": "gpt-image-1", "image": "box.png", "prompt": "Make it snow."},
)
