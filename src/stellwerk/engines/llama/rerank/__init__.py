"""Cross-encoders in GGUF files: models that read a question and a text together."""
