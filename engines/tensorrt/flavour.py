"""Which TensorRT there is: `tensorrt` itself or `tensorrt_rtx`, whose classes are the same."""

import importlib
import logging
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ..errors import EngineError

log = logging.getLogger(__name__)

TENSORRT, RTX = "tensorrt", "tensorrt_rtx"

_MODULES = {TENSORRT: ("tensorrt",), RTX: ("tensorrt_rtx", "tensorrt_rtx_bindings")}
"""Flavour to the modules that it comes in: RTX's wheels of single bindings have a name of their own."""
_LEAST = {TENSORRT: 10, RTX: 1}
"""Major versions from which networks can be strongly typed."""
EXTRAS = (
    "pip install 'allaprima[tensorrt-rtx]' for TensorRT for RTX, which also builds without a GPU, "
    "or 'allaprima[tensorrt]' for TensorRT"
)
"""What to do where something is missing."""


@dataclass(frozen=True)
class Flavour:
    """A TensorRT that is installed. `module` is its Python module."""

    name: str
    version: str
    module: Any = field(compare=False, repr=False)

    @property
    def rtx(self) -> bool:
        return self.name == RTX

    @property
    def title(self) -> str:
        return f"{'TensorRT-RTX' if self.rtx else 'TensorRT'} {self.version}"

    @property
    def backend(self) -> str:
        """As a build's sidecar has it: plans of one version are for that version alone."""
        return f"{self.name} {self.version}"


def find_flavour(name: str | None = None, ahead: bool = False) -> Flavour:
    """The flavour that is installed, or the one named. Of both, RTX if plans are made ahead of time, for other machines.

    Raises EngineError with what is missing, and the remedy.
    """
    if name is not None and name not in _MODULES:
        raise EngineError(f"no flavour of TensorRT named {name!r}; there are: {', '.join(_MODULES)}")
    refused = []
    for wanted in (name,) if name else ((RTX, TENSORRT) if ahead else (TENSORRT, RTX)):
        for module in _MODULES[wanted]:
            try:
                return _flavour(wanted, importlib.import_module(module))
            except ModuleNotFoundError as error:
                if error.name != module:  # it is there, and lacks something
                    refused.append(f"{module}: {error}")
            except Exception as error:  # libraries that do not fit raise what they like
                refused.append(f"{module}: {error}")
    why = f" ({'; '.join(refused)})" if refused else ""
    raise EngineError(f"{name or 'TensorRT'} is not installed{why}: {EXTRAS}")


def _flavour(name: str, module: Any) -> Flavour:
    version = str(module.__version__)
    if int(version.split(".")[0]) < _LEAST[name]:
        raise EngineError(f"version {version} is too old, {_LEAST[name]} is the first that will do")
    return Flavour(name, version, module)


def make_logger(flavour: Flavour) -> Any:
    """An ILogger that hands on to ours, and keeps the errors of late in `errors`, which is empty: calls only return None.

    There is one for each library, which takes no second while anything that it made with the first is left, and goes on
    writing to that.
    """
    logger = _logger(flavour.module.ILogger)
    logger.errors = []
    return logger


@cache
def _logger(levels: Any) -> Any:
    class Logger(levels):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            if severity in (levels.ERROR, levels.INTERNAL_ERROR):
                self.errors = [*self.errors[-3:], text.strip()]
                log.info("%s", text)  # who called says it in an error of ours
            else:
                log.debug("%s", text)

    return Logger()
