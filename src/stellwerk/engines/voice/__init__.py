"""Voices that read texts aloud: Piper's, run by ONNX Runtime, and espeak-ng's own."""
