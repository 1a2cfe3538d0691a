"""Commands that others bring: the server's command knows them by their entry points, and leaves them their arguments."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from server import command_line as command

TOLD: list[list[str]] = []


def brought(arguments: list[str]) -> int:
    TOLD.append(arguments)
    return 7


@pytest.fixture(autouse=True)
def _one_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    TOLD.clear()
    plugin = EntryPoint("paint", "somewhere.else:main", command.PLUGINS)
    monkeypatch.setattr(EntryPoint, "load", lambda self: brought)
    monkeypatch.setattr(command, "entry_points", lambda **asked: [plugin] if asked == {"group": command.PLUGINS} else [])


def test_a_command_that_is_brought() -> None:
    """It is given all that follows it, and its status is the status."""
    assert command.main(["paint", "--help", "x"]) == 7
    assert TOLD == [["--help", "x"]]


def test_it_is_listed(capsys: Any) -> None:
    """It is among the commands that there are."""
    with pytest.raises(SystemExit):
        command.main(["--help"])
    listed = capsys.readouterr().out
    assert "paint" in listed
    assert "serve" in listed
