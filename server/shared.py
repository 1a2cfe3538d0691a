"""What the students of one server share."""

from dataclasses import dataclass, field

from .codec_pool import CodecPool
from .energy import Ledger
from .metrics import Metrics
from .tracing import NO_TRACER, Tracer
from .turns import Device


@dataclass(frozen=True, slots=True)
class Shared:
    """Threads for pixels, the device whose ticks take turns, the books of energy, traces and metrics."""

    pool: CodecPool
    metrics: Metrics
    device: Device = field(default_factory=Device)
    ledger: Ledger = field(default_factory=Ledger)
    tracer: Tracer = NO_TRACER
