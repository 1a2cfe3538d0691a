"""The cache of a user without a home: for this user alone, and said."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from server.cache_folder import CacheError, default_cache, prepare_cache


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)


def test_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a home it is there, whether it has been made or not, and nothing is to be said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "allaprima"
    assert prepare_cache(default_cache()) is None
    assert not (tmp_path / ".cache").exists()


def test_no_home(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one it is among the temporary files, for this user alone, and that is said; also the next time."""
    _without_home(monkeypatch)
    folder = default_cache()
    assert folder.parent == temporary
    for _ in range(2):
        assert f"kept in {folder}" in (prepare_cache(folder) or "")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_home_that_is_no_folder(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that cannot be one counts as none."""
    (temporary / "file").write_text("")
    monkeypatch.setenv("HOME", str(temporary / "file"))
    assert default_cache().parent == temporary


def test_somebody_else_was_there(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that others may write to, or a link, is not used: what lies in it would be run."""
    _without_home(monkeypatch)
    folder = default_cache()
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(CacheError, match="--cache"):
        prepare_cache(folder)
    folder.rmdir()
    (temporary / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(temporary / "elsewhere")
    with pytest.raises(CacheError, match="--cache"):
        prepare_cache(folder)


def test_a_folder_that_was_named(tmp_path: Path) -> None:
    """Of a folder that somebody named nothing is said."""
    assert prepare_cache(tmp_path) is None


_NOBODY = """
import pwd, runpy, sys

def nobody(uid):
    raise KeyError(uid)

pwd.getpwuid = nobody
sys.argv = ["allaprima", *sys.argv[1:]]
runpy.run_module("server", run_name="__main__")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="every user of Windows has a home")
@pytest.mark.parametrize("arguments", [("--version",), ("serve", "--help"), ("students",)])
def test_a_user_that_is_not_there(arguments: tuple[str, ...]) -> None:
    """The commands work for a number that is no user, without a home."""
    environment = {key: value for key, value in os.environ.items() if key != "HOME"}
    command = [sys.executable, "-c", _NOBODY, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
