"""A server's process looked at from outside while it is under siege."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from ..serving import Serving

_EVERY = 0.1


@dataclass
class Watch:
    """Memory, descriptors and log of a server; `most_resident_mib` and `most_descriptors` since it was last asked to forget."""

    server: Serving
    most_resident_mib: float = 0.0
    most_descriptors: int = 0
    _marks: dict[str, int] = field(default_factory=dict)

    async def look(self) -> None:
        """Keep looking until cancelled."""
        while True:
            self.most_resident_mib = max(self.most_resident_mib, self.resident_mib())
            self.most_descriptors = max(self.most_descriptors, self.descriptors())
            await asyncio.sleep(_EVERY)

    def forget(self) -> None:
        self.most_resident_mib, self.most_descriptors = self.resident_mib(), self.descriptors()

    def resident_mib(self) -> float:
        return self.server.memory().get("resident", 0.0)

    def descriptors(self) -> int:
        try:
            return sum(1 for _ in Path(f"/proc/{self.server.process.pid}/fd").iterdir())
        except OSError:
            return 0

    def log_bytes(self) -> int:
        return self.server.log.stat().st_size

    def tracebacks(self) -> list[str]:
        """The last line of each traceback in the log: what was raised."""
        _, *parts = self.server.log.read_text(errors="replace").split("Traceback (most recent call last)")
        return [next((line for line in part.splitlines()[1:] if not line.startswith((" ", "\t"))), "?") for part in parts]

    def alive(self) -> bool:
        return self.server.process.poll() is None
