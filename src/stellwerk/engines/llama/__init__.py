"""Language models in GGUF form, run by llama.cpp."""
