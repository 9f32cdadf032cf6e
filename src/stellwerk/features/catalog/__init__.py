"""The models that this hub offers."""
