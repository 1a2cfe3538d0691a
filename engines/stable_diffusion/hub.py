"""Files of the Hugging Face hub: few of a repository's, and errors that say what to do.

huggingface_hub's own environment variables hold (HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE).
"""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..engine import EngineError
from ..weights import Source
from .download import download, failures, store
from .explain import first_line

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR)
"""Errors of the disk: full, not to be written, or something in the way."""


def fetch_file(source: Source) -> Path:
    """The one file of a source. Raises EngineError with what to do."""
    with _explained(source):
        return download(source, source.file)


def fetch_folder(source: Source, choose: Callable[[Sequence[str]], list[str]]) -> Path:
    """A local copy of the files that `choose` picks of all that the repository has. Raises EngineError."""
    with _explained(source):
        try:
            wanted = choose(_listed(source))
        except failures() as error:
            if (kept := _kept(source, choose)) is not None:  # however the hub answers, or not at all
                return kept
            if _refusal(error):
                raise
            part = "only in part " if _snapshot(source).is_dir() else ""
            raise EngineError(
                f"the hub cannot be reached ({first_line(error)}), and {source} was {'' if part else 'not '}downloaded {part}"
                f"before: connect, or give {_local(source)}"
            ) from error
        paths = [download(source, name) for name in wanted]
    return paths[0].parents[len(Path(wanted[0]).parts) - 1]


def _listed(source: Source) -> list[str]:
    """The names of all files of a repository."""
    from huggingface_hub import HfApi

    # unlike the question for the files alone, it is not asked five times over half a minute before it is given up
    about = HfApi().model_info(source.repo, revision=source.revision)
    return [file.rfilename for file in about.siblings or ()]


def _kept(source: Source, choose: Callable[[Sequence[str]], list[str]]) -> Path | None:
    """What earlier downloads left in the cache, if it is all that is needed."""
    folder = _snapshot(source)
    try:
        choose([path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()])
    except EngineError:
        return None
    return folder


def _snapshot(source: Source) -> Path:
    """Where the cache has a revision's files, if it has any."""
    ref = store(source.repo) / "refs" / source.revision
    return store(source.repo) / "snapshots" / (ref.read_text().strip() if ref.is_file() else source.revision)


def _refusal(error: BaseException) -> BaseException | None:
    """The hub's own word that it does not give something, in an error or behind it."""
    from huggingface_hub import errors

    for one in (error, error.__cause__, error.__context__):
        if isinstance(one, errors.HfHubHTTPError) and one.response.status_code < 500:
            return one
    return None


def _local(source: Source) -> str:
    return f"--weights FOLDER, with the files in FOLDER/{source.repo}/"


@contextmanager
def _explained(source: Source) -> Iterator[None]:
    from huggingface_hub import errors

    try:
        yield
    except EngineError:
        raise
    except errors.GatedRepoError as error:
        raise EngineError(
            f"{source.repo} is gated: accept its licence at https://huggingface.co/{source.repo}, then set HF_TOKEN or run "
            f"`hf auth login`"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise EngineError(
            f"the hub has no repository {source.repo}, or it is private: set HF_TOKEN, or give {_local(source)}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise EngineError(
            f"{source.repo} has no revision {source.revision!r}: correct it in the student's file, or give {_local(source)}"
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise EngineError(
            f"the hub has no file {source}: correct it in the student's file, or give {_local(source)}"
        ) from error
    except errors.HFValidationError as error:
        raise EngineError(
            f"{source.repo!r} is no name of a repository (OWNER/NAME): correct it in the student's file"
        ) from error
    except failures() as error:
        raise EngineError(_failure(source, error)) from error


def _failure(source: Source, error: BaseException) -> str:
    from huggingface_hub import constants, errors

    if refusal := _refusal(error):
        return (
            f"the hub refuses {source} ({first_line(refusal)}): set HF_TOKEN to one that may read it, or give {_local(source)}"
        )
    if isinstance(error, errors.LocalEntryNotFoundError):
        reason = first_line(error.__cause__ or error.__context__ or error)
        return (
            f"the hub cannot be reached ({reason}), and {source} was not downloaded before: connect, or give {_local(source)}"
        )
    if isinstance(error, OSError) and error.errno in _DISK:
        return (
            f"{source} cannot be kept in {constants.HF_HUB_CACHE} ({error.strerror}): free space there, or set HF_HOME to "
            f"another folder"
        )
    return (
        f"downloading {source} failed ({first_line(error)}): try again, what is there is kept and the rest is fetched; or give "
        f"{_local(source)}"
    )
