"""The ASGI door: the verbs over any transport that ASGI knows, and the CRUD resources."""
