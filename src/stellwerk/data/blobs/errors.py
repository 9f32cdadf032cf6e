"""What can go wrong with the blob store, as far as a caller needs to know."""

from stellwerk.base.errors import StellwerkError, UnavailableError


class BlobStoreError(UnavailableError):
    """503: the store of the files' bytes cannot be used now; the log says why."""

    code = "storage_unavailable"


class BlobStoreFullError(UnavailableError):
    """503: the store of the files' bytes is full. Nothing of the request was kept."""

    code = "storage_full"


class BlobMissingError(StellwerkError):
    """500: bytes that the database knows of are not in the store."""

    code = "storage_incomplete"


class HeapLostError(UnavailableError):
    """503: the bytes were written too slowly, and were cleared away before they were complete."""

    code = "upload_too_slow"


class BlobSettingsError(StellwerkError):
    """The settings `blobs` name no store that can be used."""

    code = "storage_unusable"
