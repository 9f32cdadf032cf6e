"""Whisper speech models, run by faster-whisper."""
