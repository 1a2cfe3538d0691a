"""The client as a package of its own: what it brings, what it needs, and that it needs nothing else."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import allaprima
import pytest
from allaprima.__main__ import main

import server

ROOT = Path(__file__).parents[3]
CLIENT = ROOT / "clients" / "python"
PROJECT = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
SERVER = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

ALONE = """
import sys
before = set(sys.modules)
import allaprima, allaprima.sync, allaprima.stream
print(allaprima.protocol.wire.__name__)
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(tops - set(sys.stdlib_module_names) - {"allaprima"}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=CLIENT, check=True, timeout=120,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    [made] = folder.iterdir()
    return made


def test_it_needs_two_packages() -> None:
    """Its dependencies are websockets and pillow, and its version is the server's."""
    assert [dependency.partition(">")[0] for dependency in PROJECT["dependencies"]] == ["pillow", "websockets"]
    assert allaprima.__version__ == server.__version__


def test_the_wheel_stands_alone(wheel: Path, tmp_path: Path) -> None:
    """Without a server beside it, it brings the protocol along, and imports nothing but what it says it needs."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
        names = archive.namelist()
    assert "allaprima/_wire.py" in names
    assert "allaprima/py.typed" in names
    assert {name.partition("/")[0] for name in names} == {"allaprima", f"allaprima_client-{allaprima.__version__}.dist-info"}
    said = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=True, capture_output=True,
        text=True, timeout=60,
    ).stdout.splitlines()  # fmt: skip
    assert said == ["allaprima._wire", "['PIL', 'websockets']"]


def test_the_extras_are_the_servers_too() -> None:
    """What `allaprima paint` needs beside it is one list, wherever it is installed from."""
    assert PROJECT["optional-dependencies"]["paint"] == SERVER["optional-dependencies"]["paint"]
    assert SERVER["entry-points"]["allaprima.commands"] == {"paint": "allaprima.__main__:paint"}


def test_the_command_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    """On a machine with the client alone the command says what there is."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "paint" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["paint", "--help"])
    assert ended.value.code == 0
    assert "virtual-camera" in capsys.readouterr().out


def test_the_command_without_its_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where what it needs is not installed, it says how to install it."""
    for name in [name for name in sys.modules if name.startswith(("av", "allaprima.paint"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "av", None)
    assert main(["paint"]) == 1
    assert "pip install 'allaprima-client[paint]'" in capsys.readouterr().err
