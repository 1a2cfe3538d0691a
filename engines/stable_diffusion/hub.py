"""Files of the Hugging Face hub: downloaded with progress, resumed where a download broke off, kept in the hub's cache.

huggingface_hub does the work; what is ours is to choose few files, and errors that say what to do. Its own environment
variables hold (HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..engine import EngineError
from ..weights import Source


def fetch_file(source: Source) -> Path:
    """The one file of a source. Raises EngineError with what to do."""
    from huggingface_hub import hf_hub_download

    with _explained(source):
        return Path(hf_hub_download(source.repo, source.file, revision=source.revision))


def fetch_folder(source: Source, choose: Callable[[Sequence[str]], list[str]]) -> Path:
    """A local copy of the files that `choose` picks of all that the repository has. Raises EngineError."""
    import httpx
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download
    from huggingface_hub.errors import OfflineModeIsEnabled

    with _explained(source):
        try:
            names = HfApi().list_repo_files(source.repo, revision=source.revision)
        except (OfflineModeIsEnabled, httpx.TransportError, ConnectionError):
            # what an earlier build fetched is enough
            cached = Path(snapshot_download(source.repo, revision=source.revision, local_files_only=True))
            choose([str(path.relative_to(cached)) for path in cached.rglob("*") if path.is_file()])
            return cached
        wanted = choose(names)
        paths = [Path(hf_hub_download(source.repo, name, revision=source.revision)) for name in wanted]
    return paths[0].parents[len(Path(wanted[0]).parts) - 1]


@contextmanager
def _explained(source: Source) -> Iterator[None]:
    import httpx
    from huggingface_hub import errors

    local = f"--weights FOLDER, with the files in FOLDER/{source.repo}/"
    try:
        yield
    except errors.GatedRepoError as error:
        raise EngineError(
            f"{source.repo} is gated: accept its licence at https://huggingface.co/{source.repo}, then set HF_TOKEN or run "
            f"`hf auth login`"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise EngineError(
            f"the hub has no repository {source.repo}, or it is private: set HF_TOKEN, or give {local}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise EngineError(f"{source.repo} has no revision {source.revision!r}") from error
    except errors.LocalEntryNotFoundError as error:
        raise EngineError(
            f"the hub cannot be reached, and {source} was not downloaded before: connect, or give {local}"
        ) from error
    except errors.EntryNotFoundError as error:
        raise EngineError(f"{source.repo} has no file {source.file}") from error
    except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, httpx.TransportError, ConnectionError) as error:
        said = (str(error) or repr(error)).strip().splitlines()[0][:200]
        raise EngineError(
            f"downloading {source} failed ({said}): try again, what is there is kept and the rest is fetched; or give {local}"
        ) from error
