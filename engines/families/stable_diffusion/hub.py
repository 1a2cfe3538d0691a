"""Files of the Hugging Face hub: few of a repository's, and errors that say what to do.

huggingface_hub's own environment variables hold (HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE).
"""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...errors import EngineError
from ...explain import first_line
from ..sources import Source
from .download import download, failures, store

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
            if (folder := _kept(source, choose)) is not None:  # however the hub answers, or not at all
                return folder
            if _refusal(error):
                raise
            kept = "downloaded only in part" if _snapshot(source).is_dir() else "not downloaded"
            raise EngineError(_unreachable(source, error, kept)) from error
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

    kinds: tuple[type[Exception], ...] = (errors.HFValidationError, *failures())
    try:
        yield
    except EngineError:
        raise
    except kinds as error:
        raise EngineError(_answer(source, error) or _failure(source, error)) from error


def _answer(source: Source, error: BaseException) -> str | None:
    """What the hub said plainly of a source, and what to do about it."""
    from huggingface_hub import errors

    repo, correct = source.repo, "correct it in the student's file"
    given = {  # the first that fits: a gated repository is one that was not found, too
        errors.GatedRepoError: f"{repo} is gated: accept its licence at https://huggingface.co/{repo}, then set HF_TOKEN or "
        f"run `hf auth login`",
        errors.RepositoryNotFoundError: f"the hub has no repository {repo}, or it is private: set HF_TOKEN, or give "
        f"{_local(source)}",
        errors.RevisionNotFoundError: f"{repo} has no revision {source.revision!r}: {correct}, or give {_local(source)}",
        errors.RemoteEntryNotFoundError: f"the hub has no file {source}: {correct}, or give {_local(source)}",
        errors.HFValidationError: f"{repo!r} is no name of a repository (OWNER/NAME): {correct}",
    }
    return next((why for kind, why in given.items() if isinstance(error, kind)), None)


def _failure(source: Source, error: BaseException) -> str:
    from huggingface_hub import constants, errors

    if refusal := _refusal(error):
        return (
            f"the hub refuses {source} ({first_line(refusal)}): set HF_TOKEN to one that may read it, or give {_local(source)}"
        )
    if isinstance(error, errors.LocalEntryNotFoundError):
        return _unreachable(source, error.__cause__ or error.__context__ or error)
    if isinstance(error, OSError) and error.errno in _DISK:
        return (
            f"{source} cannot be kept in {constants.HF_HUB_CACHE} ({error.strerror}): free space there, or set HF_HOME to "
            f"another folder"
        )
    return (
        f"downloading {source} failed ({first_line(error)}): try again, what is there is kept and the rest is fetched; or give "
        f"{_local(source)}"
    )


def _unreachable(source: Source, error: BaseException, kept: str = "not downloaded") -> str:
    return f"the hub cannot be reached ({first_line(error)}), and {source} was {kept} before: connect, or give {_local(source)}"
