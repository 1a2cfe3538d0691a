"""Puts a copy of the live protocol into the client's distribution, so that nothing of the server's is needed beside it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WireHook(BuildHookInterface):  # type: ignore[type-arg]
    """Where the repository is around it, `wire` is taken from there; a source distribution has its copy in place already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        wire = Path(self.root).parents[1] / "wire" / "__init__.py"
        if wire.is_file():
            build_data["force_include"][str(wire)] = "allaprima/_wire.py"
