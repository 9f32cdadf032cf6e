"""The store that the settings name for the bytes of files."""

from stellwerk.base.settings import Settings
from stellwerk.data.blobs.store import Blobs


def blob_store(settings: Settings) -> Blobs:
    """Raises `BlobSettingsError`. Nothing is asked of a remote store yet."""
    return Blobs(settings.blobs_url, settings.blobs.options)
