"""The store that the settings name for the bytes of files, and the files in it."""

from stellwerk.base.settings import Settings
from stellwerk.data.blobs.heaps import Heaps
from stellwerk.data.blobs.store import Blobs
from stellwerk.data.database import Database
from stellwerk.features.files.service import Files
from stellwerk.features.files.uploads import Uploads


def blob_store(settings: Settings) -> Blobs:
    """Raises `BlobSettingsError`. Nothing is asked of a remote store yet."""
    return Blobs(settings.blobs_url, settings.blobs.options)


def uploads_of(settings: Settings, database: Database) -> Uploads:
    """Files and uploads, for hubs and workers alike."""
    heaps = Heaps(database, blob_store(settings))
    return Uploads(Files(database, heaps, settings.files.max_size), settings.files.max_upload)
