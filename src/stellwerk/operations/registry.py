"""The one list of operations. Every door iterates it."""

from stellwerk.operations import (
    chat_completions,
    completions,
    embeddings,
    image_edits,
    image_generations,
    image_variations,
    ocr,
    pooling,
    rerank,
    responses,
    speech,
    transcriptions,
    translations,
)
from stellwerk.operations.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    chat_completions.OPERATION,
    completions.OPERATION,
    embeddings.OPERATION,
    ocr.OPERATION,
    pooling.OPERATION,
    rerank.OPERATION,
    responses.OPERATION,
    transcriptions.OPERATION,
    translations.OPERATION,
    speech.OPERATION,
    image_generations.OPERATION,
    image_edits.OPERATION,
    image_variations.OPERATION,
)
