"""Where built engines lie: a folder under a key made of everything that could make one wrong, with a readable sidecar."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from .errors import EngineError

SIDECAR = "built.json"

Facts = Mapping[str, str]
"""What a built engine depends on: field to value."""


def key_of(facts: Facts) -> str:
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:20]


class BuildCache:
    """The folder of builds of one backend."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, facts: Facts) -> Path:
        """The folder of this build, new or old. Raises EngineError if it cannot be made or holds another build."""
        folder = self._root / key_of(facts)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"the cache folder {folder} cannot be made ({error}); choose another with --cache") from error
        self._check(folder / SIDECAR, facts)
        return folder

    def sealed(self, facts: Facts) -> bool:
        """Whether this build is there and whole. Call `folder` first, which checks that it is this build."""
        return (self._root / key_of(facts) / SIDECAR).exists()

    def seal(self, facts: Facts) -> None:
        """Write the sidecar: the build in this folder is whole."""
        sidecar = self._root / key_of(facts) / SIDECAR
        temporary = sidecar.with_suffix(".tmp")
        temporary.write_text(json.dumps(dict(facts), indent=2, sort_keys=True) + "\n")
        temporary.replace(sidecar)

    def _check(self, sidecar: Path, facts: Facts) -> None:
        if not sidecar.exists():
            return
        remedy = f"delete {sidecar.parent} and start again"
        try:
            built = dict(json.loads(sidecar.read_text()))
        except (ValueError, TypeError) as error:
            raise EngineError(f"the sidecar {sidecar} cannot be read; {remedy}") from error
        for field in facts:
            if built.get(field) != facts[field]:
                raise EngineError(
                    f"the engine in {sidecar.parent} was built for {field} {built.get(field)!r}, not {facts[field]!r}; {remedy}"
                )


def list_builds(cache: Path) -> list[dict[str, str]]:
    """The sidecars of all builds under a cache folder, each with its `folder`; those that cannot be read are left out."""
    found = []
    for sidecar in sorted(cache.glob(f"*/*/{SIDECAR}")):
        try:
            facts = dict(json.loads(sidecar.read_text()))
        except (OSError, ValueError, TypeError):
            continue
        found.append({**facts, "folder": str(sidecar.parent)})
    return found
