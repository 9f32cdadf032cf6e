"""`POST /images/variations`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.images import ImagesAnswer, ImageVariationRequest

OPERATION = Operation(
    name="images.variations",
    path="/images/variations",
    serves="IMAGE",
    form=True,
    request=ImageVariationRequest,
    response=ImagesAnswer,
    event=None,
    summary="Make pictures like one",
    description="Paints pictures like the one that is sent.",
    example={"model": "dall-e-2", "image": "box.png"},
)
