"""Diffusion models that paint pictures, run by diffusers."""
