"""Source `hub`: a file of a repository on the Hugging Face hub.

The user's own settings count: `HF_ENDPOINT` (a mirror), `HF_TOKEN`, `HF_HUB_OFFLINE`.
"""

import re
from urllib.parse import urlsplit

from stellwerk.base.model_entry import Source
from stellwerk.features.weights.disk import check_room
from stellwerk.features.weights.errors import SourceError, UnreachableError
from stellwerk.features.weights.job import Arrived, Job
from stellwerk.features.weights.transfer import Patience, Remote, download

SHA256 = re.compile("[0-9a-f]{64}")


def fetch(source: Source, job: Job) -> Arrived:
    """Raises `SourceError`."""
    remote, size, etag = _look_up(source.hub or "", job.patience)
    # A file in large-file storage has its SHA-256 as its ETag, others a Git hash.
    stated = etag if etag and SHA256.fullmatch(etag) else None
    job.check_announced(size, stated)
    into = job.part / "hub"
    if not (stated or job.file.sha256):
        into.unlink(missing_ok=True)
    done = into.stat().st_size if into.exists() else 0
    check_room(job.part, (size or job.file.size or 0) - done)
    job.progress.started(job.file.name, size, done)
    download(remote, into, job.progress, job.patience)
    job.progress.finished()
    return Arrived(into, stated, resumed=done > 0)


def _look_up(name: str, patience: Patience) -> tuple[Remote, int | None, str | None]:
    """Where the hub keeps the file, its size in bytes, and its ETag."""
    import httpx2
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    owner, repository, path = name.split("/", 2)
    url = hf_hub_url(f"{owner}/{repository}", path)
    try:
        found = get_hf_file_metadata(url, timeout=patience.question)
    except HfHubHTTPError as error:
        raise SourceError(_reason(error.response.status_code)) from error
    except (httpx2.HTTPError, OSError) as error:
        raise UnreachableError(f"the hub cannot be reached ({error})") from error
    at_hub = urlsplit(found.location).netloc == urlsplit(url).netloc
    token = get_token() if at_hub else None
    secrets = {"Authorization": f"Bearer {token}"} if token else {}
    return Remote(found.location, secrets), found.size, found.etag


def _reason(status: int) -> str:
    if status in {401, 403}:
        return (
            f"the hub answers {status}: the repository does not exist, or it is private or wants "
            "its terms accepted (then set HF_TOKEN)"
        )
    return f"the hub answers {status}" + (": no such file there" if status == 404 else "")
