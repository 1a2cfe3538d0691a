"""Keys: whose they are, what each may, and how they change while a server runs."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from server.key_file import KeyFileError, digest, make_key, read_keys, write_keys
from server.keys import ANYBODY, Allowance, Keys
from server.owner import owner_of


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_none_are_wanted() -> None:
    """Without keys and without a file nobody is asked for one; with a file that is empty nobody has one."""
    assert not Keys()
    assert Keys(["one"])


def test_stated_keys() -> None:
    """Keys of the settings are told apart by digests of them, and may what anybody may."""
    keys = Keys(["one", "two"])
    assert keys.owner("one") == owner_of("one", None)
    assert keys.owner("two") != keys.owner("one")
    for wrong in ("on", "onee", "ONE", "", None, "\udcff"):
        assert keys.owner(wrong) is None
    assert keys.allowance(keys.owner("one") or "") == ANYBODY


def test_nothing_of_a_key_is_kept(tmp_path: Path) -> None:
    """Of a key that was stated or made, nothing is here but a digest; in the file, too, which only its owner may read."""
    file = tmp_path / "keys.json"
    key, entry = make_key("alice", rate="60/minute", sessions=2)
    write_keys(file, (entry,))
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    keys = Keys(["stated-key"], file)
    assert "stated-key" not in repr(vars(keys))
    assert key not in repr(vars(keys))


def test_named_keys(tmp_path: Path) -> None:
    """A key of the file has a name, which is who it stands for, and limits of its own."""
    file = tmp_path / "keys.json"
    (alice, first), (bob, second) = make_key("alice", rate="60/minute", sessions=2, stills=8), make_key("bob")
    assert alice != bob
    write_keys(file, (first, second))
    keys = Keys(["stated"], file)
    assert (keys.owner(alice), keys.owner(bob)) == ("key-alice", "key-bob")
    assert keys.owner("stated") is not None
    assert keys.allowance("key-alice") == Allowance("60/minute", 2, 8)
    assert keys.allowance("key-bob") == ANYBODY
    assert keys.owner(digest(alice)) is None  # the digest is no key


def test_keys_that_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A key that is put in opens within a second, and one that is taken out does not; a file that breaks changes nothing."""
    file, clock = tmp_path / "keys.json", Clock()
    (alice, first), (bob, second) = make_key("alice"), make_key("bob")
    write_keys(file, (first,))
    keys = Keys((), file, clock)
    assert keys.owner(alice) == "key-alice"
    write_keys(file, (second,))
    assert keys.owner(bob) is None
    clock.now += 1.1
    assert (keys.owner(alice), keys.owner(bob)) == (None, "key-bob")
    with caplog.at_level(logging.ERROR):
        file.write_text("not JSON")
        clock.now += 1.1
        assert keys.owner(bob) == "key-bob"
        clock.now += 1.1
        assert keys.owner(bob) == "key-bob"
        os.unlink(file)
        clock.now += 1.1
        assert keys.owner(bob) == "key-bob"
    assert len(caplog.records) == 2
    assert "stay as they were" in caplog.text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "allaprima keys add makes one"),
        ("{", "is not JSON"),
        ([], "valid dictionary"),
        ({"keys": [{"name": "alice"}]}, "keys.0.digest"),
        ({"keys": [{"name": "Alice Cooper", "digest": "0" * 64}]}, "at most 32 of a-z"),
        ({"keys": [{"name": "alice", "digest": "secret"}]}, "keys.0.digest"),
        ({"keys": [{"name": "alice", "digest": "0" * 64, "rate": "often"}]}, "60/minute"),
        ({"keys": [{"name": "alice", "digest": "0" * 64, "speed": 1}]}, "keys.0.speed"),
        ({"keys": [{"name": "a", "digest": "0" * 64}, {"name": "a", "digest": "1" * 64}]}, "have one name"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, content: Any, why: str) -> None:
    """A file that is not as it should be is refused with the place, and never with what stands there."""
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(KeyFileError, match=why) as refused:
        Keys((), file)
    assert "secret" not in str(refused.value)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """A file comes back as it was written, and nothing is left beside it."""
    file = tmp_path / "a" / "keys.json"
    entries = tuple(make_key(name, stills=3)[1] for name in ("alice", "bob"))
    write_keys(file, entries)
    assert read_keys(file) == entries
    assert list(file.parent.iterdir()) == [file]
