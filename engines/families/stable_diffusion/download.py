"""One file of the Hugging Face hub, into the hub's own cache; a download that broke off goes on where it was.

huggingface_hub downloads and keeps the files. Since its version 1.18 it throws away what a broken-off run had fetched
(huggingface_hub issue 4196), so what is big is fetched here, into the place where it then finds it.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

from ...errors import EngineError
from ..sources import Source

_SMALL = 10 << 20
"""Bytes up to which a file is fetched again from its start: the library writes no smaller pieces to the disk."""
_SHA256 = re.compile("[0-9a-f]{64}")


def download(source: Source, name: str) -> Path:
    """A file of a source's repository. Raises what huggingface_hub raises, OSError, and EngineError if it came damaged."""
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_download, hf_hub_url

    def kept(only_here: bool = False) -> Path:
        return Path(hf_hub_download(source.repo, name, revision=source.revision, local_files_only=only_here))

    try:
        about = get_hf_file_metadata(hf_hub_url(source.repo, name, revision=source.revision))
    except errors.HfHubHTTPError:
        return kept()  # what was refused may still lie here
    except failures():
        return kept(only_here=True)  # without asking five times over half a minute
    if about.etag and (about.size or 0) > _SMALL:
        _fetch(source, name, about)
    return kept()


def failures() -> tuple[type[Exception], ...]:
    """What is raised when the hub does not answer or refuses. Some come from an HTTP library that has changed once."""
    from huggingface_hub import errors

    of_http: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    return of_http, OSError


def store(repo: str) -> Path:
    """The folder of a repository in the hub's cache: `blobs` by content, `refs` by name, `snapshots` by commit."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"


def _fetch(source: Source, name: str, about: Any) -> None:
    """Put the content into the cache under its digest, as the library does; `about` is the library's HfFileMetadata."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import WeakFileLock, build_hf_headers  # type: ignore[attr-defined]

    blob = store(source.repo) / "blobs" / about.etag
    part = blob.with_name(f"{blob.name}.part")
    lock = blob.parents[2] / ".locks" / blob.parents[1].name / f"{blob.name}.lock"
    for folder in (blob.parent, lock.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if blob.exists():
            return
        if part.exists() and part.stat().st_size > about.size:
            part.unlink()  # of another file, or damaged
        with part.open("ab") as file:
            http_get(
                hf_hub_url(source.repo, name, revision=about.commit_hash or source.revision),
                file,
                resume_size=file.tell(),
                headers=build_hf_headers(headers={"Accept-Encoding": "identity"}),  # a Range counts bytes as they are kept
                expected_size=about.size,
                displayed_filename=name,
            )
        _check(part, about.etag, source)
        part.replace(blob)


def _check(part: Path, etag: str, source: Source) -> None:
    # big files are called by their SHA-256, small ones by a digest of git's
    if not _SHA256.fullmatch(etag):
        return
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != etag:
        part.unlink()
        raise EngineError(f"{source} came damaged (its digest is {digest[:12]}..., not {etag[:12]}...): try again")
