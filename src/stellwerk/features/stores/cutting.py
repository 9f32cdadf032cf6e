"""A page's text as chunks, and the language that its words are taken for."""

from semantic_text_splitter import TextSplitter

from stellwerk.base.stretches import stretches

# ISO 639-1 -> PostgreSQL's configuration of text search.
CONFIGURATIONS = {
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}
SAMPLE = 2000
# The splitter's time grows with the square of a text's length: minutes for a page of a million.
STRETCH = 32_000


def cut(text: str, size: int, overlap: int) -> list[str]:
    """Chunks of at most `size` characters, cut between paragraphs, sentences or words."""
    splitter = TextSplitter(size, overlap=overlap)
    parts = (splitter.chunks(stretch) for stretch in stretches(text, STRETCH))
    return [chunk for part in parts for chunk in part if chunk.strip()]


def language(text: str) -> str:
    """PostgreSQL's name of the language; `simple` for one that it has no rules for."""
    from py3langid.langid import classify

    name, _ = classify(text[:SAMPLE])
    return CONFIGURATIONS.get(str(name), "simple")
