"""Which TensorRT there is, and what is said where there is none."""

import importlib
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from engines.errors import EngineError
from engines.tensorrt.flavour import Flavour, find_flavour, make_logger
from tests.engines.tensorrt.flavours import stand_in


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is installed: module to version, or to what importing it raises."""
    modules: dict[str, Any] = {}

    def load(name: str) -> Any:
        if name not in modules:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if isinstance(modules[name], Exception):
            raise modules[name]
        return SimpleNamespace(__version__=modules[name])

    monkeypatch.setattr(importlib, "import_module", load)
    return modules


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ({"tensorrt": "10.13.3.9"}, "tensorrt 10.13.3.9"),
        ({"tensorrt": "11.4.1"}, "tensorrt 11.4.1"),
        ({"tensorrt_rtx": "1.5.0"}, "tensorrt_rtx 1.5.0"),
        ({"tensorrt_rtx_bindings": "1.7.1.116"}, "tensorrt_rtx 1.7.1.116"),
        ({"tensorrt": "10.0.0", "tensorrt_rtx": "1.7.1"}, "tensorrt 10.0.0"),
        ({"tensorrt": "8.6.1", "tensorrt_rtx": "1.7.1"}, "tensorrt_rtx 1.7.1"),
    ],
)
def test_what_is_found(there: dict[str, str], found: str, installed: dict[str, Any]) -> None:
    """Any version that types networks strongly is found, under each name that it is packed by; TensorRT first."""
    installed |= there
    assert find_flavour().backend == found


def test_ahead_of_time(installed: dict[str, Any]) -> None:
    """For other machines RTX comes first: it builds for GPUs that are not there."""
    installed |= {"tensorrt": "10.13", "tensorrt_rtx": "1.7"}
    assert find_flavour(ahead=True).rtx
    assert not find_flavour("tensorrt", ahead=True).rtx


@pytest.mark.parametrize(
    ("there", "asked", "said"),
    [
        ({}, None, r"TensorRT is not installed: pip install 'allaprima\[tensorrt-rtx\]' .* or 'allaprima\[tensorrt\]'"),
        ({"tensorrt": "10.1"}, "tensorrt_rtx", r"tensorrt_rtx is not installed: pip install"),
        ({"tensorrt": "8.6.1"}, None, r"version 8.6.1 is too old, 10 is the first that will do\): pip install"),
        ({"tensorrt": OSError("libnvinfer.so.10: cannot open")}, None, r"tensorrt: libnvinfer.so.10: cannot open\): pip"),
        ({"tensorrt_rtx": ModuleNotFoundError("No module 'libs'", name="libs")}, None, r"tensorrt_rtx: No module 'libs'"),
        ({"tensorrt": "10.1"}, "tensorr", r"no flavour of TensorRT named 'tensorr'; there are: tensorrt, tensorrt_rtx"),
    ],
)
def test_what_is_missing(there: dict[str, Any], asked: str | None, said: str, installed: dict[str, Any]) -> None:
    """What is not installed, too old or broken is named with its reason and the remedy."""
    installed |= there
    with pytest.raises(EngineError, match=said):
        find_flavour(asked)


class Levels:
    INTERNAL_ERROR, ERROR, WARNING = range(3)


def test_errors_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    """The last errors are kept for who has to say why a call came back empty; chatter is not."""
    flavour: Flavour = stand_in(ILogger=Levels)
    logger = make_logger(flavour)
    with caplog.at_level(logging.DEBUG):
        for i in range(6):
            logger.log(Levels.ERROR, f"wrong {i}\n")
        logger.log(Levels.WARNING, "unusual")
        logger.log(Levels.INTERNAL_ERROR, "very wrong")
    assert logger.errors == ["wrong 3", "wrong 4", "wrong 5", "very wrong"]
    assert "unusual" in caplog.text


def test_a_library_has_one_logger() -> None:
    """The library keeps the first that it was given: the errors of a second engine are found there, and not the first's."""
    flavour: Flavour = stand_in(ILogger=Levels)
    first = make_logger(flavour)
    first.log(Levels.ERROR, "of the first")
    second = make_logger(flavour)
    assert second.errors == []
    first.log(Levels.ERROR, "of the second")
    assert second.errors == ["of the second"]
