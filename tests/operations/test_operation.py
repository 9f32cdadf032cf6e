"""What can be said of operations as such."""

from stellwerk.operations.registry import OPERATIONS


def test_only_json_fits_into_the_lines_of_a_batch() -> None:
    batchable = {operation.name for operation in OPERATIONS if operation.batchable}
    assert batchable >= {"chat.completions", "completions", "embeddings", "responses"}
    assert batchable.isdisjoint({"audio.transcriptions", "audio.translations", "audio.speech"})
