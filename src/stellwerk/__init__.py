"""Stellwerk: a self-hosted server for the OpenAI API."""

__version__ = "0.1.0"
