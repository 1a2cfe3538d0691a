"""allaprima keys: a key is shown once, and what is done to the file is said."""

from pathlib import Path
from typing import Any

import pytest

from server.command_line import main
from server.keys import Allowance, Keys


def run(file: Path, *arguments: str) -> int:
    return main(["keys", *arguments, "--keys-file", str(file)])


def test_made_listed_and_removed(tmp_path: Path, capsys: Any) -> None:
    """A key is printed alone, so that it can be piped on; it is in no list, and when it is removed it is none."""
    file = tmp_path / "keys.json"
    assert run(file, "add", "alice", "--rate", "60/minute", "--sessions", "2", "--stills", "0") == 0
    said = capsys.readouterr()
    key = said.out.strip()
    assert said.out.count("\n") == 1
    assert "shown this once" in said.err
    assert run(file, "add", "bob") == 0
    capsys.readouterr()
    keys = Keys((), file)
    assert keys.owner(key) == "key-alice"
    assert keys.allowance("key-alice") == Allowance("60/minute", 2, 0)
    assert run(file, "list") == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed == ["alice                    60/minute, 2 live sessions, 0 stills at once", "bob"]
    assert run(file, "remove", "alice") == 0
    assert Keys((), file).owner(key) is None


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("add", "alice"), "already"),
        (("add", "Alice!"), "at most 32 of a-z"),
        (("add", "carol", "--rate", "often"), "60/minute"),
        (("add", "carol", "--sessions", "-1"), "greater than or equal to 0"),
        (("remove", "carol"), "there are: alice"),
    ],
)
def test_what_cannot_be_done(tmp_path: Path, capsys: Any, arguments: tuple[str, ...], why: str) -> None:
    """What cannot be done is one line that says why, and leaves the file as it was."""
    file = tmp_path / "keys.json"
    run(file, "add", "alice")
    before = file.read_text()
    capsys.readouterr()
    assert run(file, *arguments) == 2
    said = capsys.readouterr()
    assert why in said.err
    assert said.out == ""
    assert file.read_text() == before


def test_without_a_file(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no file is named, or it is not there, that is said; the environment may name it."""
    monkeypatch.delenv("ALLAPRIMA_KEYS_FILE", raising=False)
    assert main(["keys", "list"]) == 2
    assert "ALLAPRIMA_KEYS_FILE" in capsys.readouterr().err
    monkeypatch.setenv("ALLAPRIMA_KEYS_FILE", str(tmp_path / "none.json"))
    assert main(["keys", "list"]) == 2
    assert "allaprima keys add makes one" in capsys.readouterr().err
