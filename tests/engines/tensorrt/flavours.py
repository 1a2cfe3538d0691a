"""A TensorRT of the other kind: records what it is asked for, as no GPU is here to ask it on."""

from types import SimpleNamespace
from typing import Any

from engines.tensorrt.flavour import Flavour


def stand_in(name: str = "tensorrt", version: str = "10.13.3.9", **module: Any) -> Flavour:
    """A flavour whose module has only what a test gives it."""
    return Flavour(name, version, SimpleNamespace(__version__=version, **module))


class Recorder:
    """Takes any call and attribute, and notes them: ("set_flag", "STRIP_PLAN"), ("level", 3)."""

    def __init__(self, **answers: Any) -> None:
        self.__dict__["noted"], self.__dict__["_answers"] = [], answers

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._answers and not callable(self._answers[name]):
            return self._answers[name]

        def call(*arguments: Any) -> Any:
            self.noted.append((name, *arguments))
            return self._answers[name](*arguments) if name in self._answers else None

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        self.noted.append((name, value))


class Names:
    """An enumeration: every attribute is its own name."""

    def __init__(self, *lacking: str) -> None:
        self._lacking = lacking

    def __getattr__(self, name: str) -> str:
        if name.startswith("_") or name in self._lacking:
            raise AttributeError(name)
        return name
