"""Digests that are remembered: read once, read again after any change, and right whatever becomes of the memo."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engines import digests as module
from engines.digests import MEMO, Digests

BIG = 64


class Reader:
    """Hashes as always, and counts the files it has read; what `meanwhile` does is done before each."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self._hash = module.digest_of

    def __call__(self, path: Path) -> str:
        self.read.append(path.name)
        self.meanwhile()
        return self._hash(path)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Files of 64 bytes are big, and those that were written a moment ago are old."""
    made = Reader()
    monkeypatch.setattr(module, "_BIG", BIG)
    monkeypatch.setattr(module, "_SETTLED_SECONDS", -1.0)
    monkeypatch.setattr(module, "digest_of", made)
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"a" * BIG)
    return path


def _plain(*paths: Path) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()


def test_contents_and_order(cache: Path, tmp_path: Path) -> None:
    """The digest is of contents and order, not of names."""
    a, b, c = (tmp_path / name for name in "abc")
    a.write_bytes(b"one")
    b.write_bytes(b"two")
    c.write_bytes(b"one")
    digests = Digests(cache)
    assert digests.of(a, b) == digests.of(c, b) == _plain(a, b)
    assert digests.of(a, b) != digests.of(b, a)


def test_read_once(cache: Path, weights: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A big file is read by the first who asks, and not by a later process, by whatever name it calls the same place."""
    first = Digests(cache).of(weights)
    monkeypatch.chdir(weights.parent)
    assert Digests(cache).of(Path(weights.name)) == first == _plain(weights)
    assert reader.read == [weights.name]
    assert [path.name for path in cache.iterdir()] == [MEMO]


def test_small_files_are_not_remembered(cache: Path, tmp_path: Path, reader: Reader) -> None:
    """What is hashed in no time leaves no memo behind."""
    (tmp_path / "config.json").write_bytes(b"a" * (BIG - 1))
    Digests(cache).of(tmp_path / "config.json")
    assert not cache.exists()


def test_a_file_written_just_now(cache: Path, weights: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may be written twice within a tick of its clock, so one that was written just now is not remembered."""
    monkeypatch.setattr(module, "_SETTLED_SECONDS", 3.0)
    written = weights.stat()
    Digests(cache).of(weights)
    weights.write_bytes(b"b" * BIG)
    os.utime(weights, ns=(written.st_atime_ns, written.st_mtime_ns))
    assert Digests(cache).of(weights) == _plain(weights)
    assert not cache.exists()
    monkeypatch.setattr("engines.digests.time.time", lambda: written.st_mtime + 3600)
    Digests(cache).of(weights)
    assert Digests(cache).of(weights) == _plain(weights)
    assert len(reader.read) == 3


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"a")


def _rewrite(path: Path) -> None:
    path.write_bytes(b"b" * BIG)


def _rewrite_and_set_back(path: Path) -> None:
    """As `cp -p` and rsync do it: another content of the same size and time in the same file."""
    before = path.stat()
    path.write_bytes(b"b" * BIG)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(path: Path) -> None:
    before, new = path.stat(), path.with_name("new")
    new.write_bytes(b"b" * BIG)
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(path)


def _link_elsewhere(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"b" * BIG)
    path.unlink()
    path.symlink_to(other)


@pytest.mark.parametrize("change", [_append, _rewrite, _rewrite_and_set_back, _replace, _link_elsewhere])
def test_a_changed_file(change: Callable[[Path], None], cache: Path, weights: Path, reader: Reader) -> None:
    """Whatever way a file comes to other contents, it is read again."""
    Digests(cache).of(weights)
    time.sleep(0.02)  # a tick of the file system's clock
    change(weights)
    assert Digests(cache).of(weights) == _plain(weights)
    assert len(reader.read) == 2


def test_a_file_that_changes_while_it_is_read(cache: Path, weights: Path, reader: Reader) -> None:
    """What was read of a file that is being written is not remembered."""
    reader.meanwhile = lambda: _append(weights)
    Digests(cache).of(weights)
    assert not cache.exists()


def test_a_cache_that_cannot_be_written(weights: Path, reader: Reader, tmp_path: Path) -> None:
    """Where the cache is no place to write to, files are hashed each time, and that is all."""
    (tmp_path / "cache").write_text("in the way")
    for _ in range(2):
        assert Digests(tmp_path / "cache").of(weights) == _plain(weights)
    assert len(reader.read) == 2
    assert (tmp_path / "cache").read_text() == "in the way"


def test_a_memo_that_cannot_be_replaced(cache: Path, weights: Path, reader: Reader) -> None:
    """Where the memo cannot be put in its place nothing is left behind."""
    (cache / MEMO / "in the way").mkdir(parents=True)
    assert Digests(cache).of(weights) == _plain(weights)
    assert [path.name for path in cache.iterdir()] == [MEMO]


def _entry(weights: Path, **changes: Any) -> str:
    return json.dumps({str(weights): {"stamp": module._stamp(weights.stat()), "sha256": "0" * 64} | changes})


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: "", lambda path: "{", lambda path: "\x00\ufffd", lambda path: "[]", lambda path: "null", lambda path: "7",
        lambda path: '{"a": 1}', lambda path: "[" * 100_000, lambda path: _entry(path, sha256="0" * 63 + "x"),
        lambda path: _entry(path, sha256="00"), lambda path: _entry(path, sha256=None), lambda path: _entry(path, more=1),
        lambda path: _entry(path, stamp=None), lambda path: _entry(path, stamp=[1, 2, 3, 4]),
    ],
)  # fmt: skip
def test_a_damaged_memo(damage: Callable[[Path], str], cache: Path, weights: Path, reader: Reader) -> None:
    """A memo that cannot be read is as good as none, and is written anew."""
    cache.mkdir(parents=True)
    (cache / MEMO).write_text(damage(weights))
    assert Digests(cache).of(weights) == _plain(weights)
    assert Digests(cache).of(weights) == _plain(weights)
    assert len(reader.read) == 1


def test_files_that_are_gone(cache: Path, weights: Path, reader: Reader, tmp_path: Path) -> None:
    """The memo forgets files that are gone when it learns a new one, so it does not grow for ever."""
    Digests(cache).of(weights)
    weights.rename(tmp_path / "moved")
    Digests(cache).of(tmp_path / "moved")
    assert list(json.loads((cache / MEMO).read_text())) == [str(tmp_path / "moved")]


def test_a_file_that_is_not_there(cache: Path, tmp_path: Path) -> None:
    """A file that is not there is an error, as it is without a memo."""
    with pytest.raises(FileNotFoundError, match="nothing"):
        Digests(cache).of(tmp_path / "nothing")


def test_many_at_once(cache: Path, tmp_path: Path, reader: Reader) -> None:
    """Whoever writes at the same time, the memo is always whole, and every digest right."""
    files = [tmp_path / f"{i}.bin" for i in range(24)]
    for i, path in enumerate(files):
        path.write_bytes(bytes([i]) * BIG)
    wrong: list[Path] = []
    torn: list[bytes] = []
    done = threading.Event()

    def ask(mine: list[Path]) -> None:
        wrong.extend(path for path in mine if Digests(cache).of(path) != _plain(path))

    def watch() -> None:
        while not done.is_set():
            if (cache / MEMO).exists() and not module._read(cache / MEMO):
                torn.append((cache / MEMO).read_bytes())

    watcher = threading.Thread(target=watch)
    askers = [threading.Thread(target=ask, args=(files[i::4],)) for i in range(4)]
    for thread in (watcher, *askers):
        thread.start()
    for thread in askers:
        thread.join()
    done.set()
    watcher.join()
    assert (wrong, torn) == ([], [])
    assert [path.name for path in cache.iterdir()] == [MEMO]
