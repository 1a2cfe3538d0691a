"""Every series that this server exposes, declared once. `metrics` makes them of this, `metrics_doc` writes docs/metrics.md.

Base units; labels of bounded size, never a session, a request or anything else that a client chooses.
"""

from dataclasses import dataclass, field
from typing import Literal

from .types import APIS, Ending, JobKind, Outcome, Refusal

_STUDENT = "a student served here"
_METER = "nvml, rapl or model"
_DEVICE = "gpu0, package-0, package-0-dram ..., machine"

# From a stage of a small student on a GPU to a large one on a processor. No bucket is more than twice as wide as its lower
# bound, so that a percentile read off them is no further off than that.
_SECONDS = (
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.35, 0.5, 0.75,
    1.0, 1.5, 2.0, 3.5, 5.0, 10.0, 20.0,
)  # fmt: skip
_TICK_SECONDS = tuple(bound for bound in _SECONDS if bound >= 0.002)
_ROWS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One series, or as many as its labels have values. `name` as it is exposed; `labels` with what each may be."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "info"]
    help: str
    labels: dict[str, str] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    @property
    def family(self) -> str:
        """The name without the suffix that its kind brings."""
        suffix = {"counter": "_total", "info": "_info"}.get(self.kind, "")
        return self.name.removesuffix(suffix)


FRAMES = Instrument(
    "allaprima_frames_total", "counter", "Frames and stills, by what became of them",
    {"student": _STUDENT, "outcome": ", ".join(Outcome)},
)  # fmt: skip
IMAGES = Instrument("allaprima_images_total", "counter", "Images made, by API", {"student": _STUDENT, "api": ", ".join(APIS)})
FPS = Instrument("allaprima_fps", "gauge", "Images out per second over the last 5 s", {"student": _STUDENT})

STAGE_SECONDS = Instrument(
    "allaprima_stage_seconds", "histogram", "Seconds of an image in each stage, and in total from admission to answer",
    {"student": _STUDENT, "api": ", ".join(APIS), "stage": "wait, decode, engine, upscale, encode, total"}, _SECONDS,
)  # fmt: skip
TICK_SECONDS = Instrument("allaprima_tick_seconds", "histogram", "Seconds of a tick", {"student": _STUDENT}, _TICK_SECONDS)
TICK_ROWS = Instrument("allaprima_tick_rows", "histogram", "Rows in a tick", {"student": _STUDENT}, _ROWS)

SESSIONS = Instrument("allaprima_sessions", "gauge", "Live sessions connected")
SESSIONS_LIMIT = Instrument("allaprima_sessions_limit", "gauge", "Live sessions that there is room for (--max-sessions)")
WATCHERS = Instrument("allaprima_watchers", "gauge", "Who watches a live session over HTTP just now")
STILLS = Instrument("allaprima_stills", "gauge", "Stills asked for over REST and not yet answered")
STILLS_LIMIT = Instrument("allaprima_stills_limit", "gauge", "Stills that there is room for (--max-waiting)")
SESSIONS_ENDED = Instrument(
    "allaprima_sessions_ended_total", "counter", "Live connections that ended, by how", {"reason": ", ".join(Ending)}
)
REFUSALS = Instrument(
    "allaprima_refusals_total", "counter", "Requests, connections, messages and frames turned away, by why",
    {"reason": ", ".join(Refusal)},
)  # fmt: skip
JOBS_WAITING = Instrument("allaprima_jobs_waiting", "gauge", "Jobs admitted and not yet in a tick", {"student": _STUDENT})
JOBS_IN_FLIGHT = Instrument("allaprima_jobs_in_flight", "gauge", "Jobs admitted and not yet answered", {"student": _STUDENT})

WORKER_UP = Instrument("allaprima_worker_up", "gauge", "1 while the student's engine is ready, else 0", {"student": _STUDENT})
TICK_FAILURES = Instrument(
    "allaprima_tick_failures_total", "counter", "Passes of the engine that failed as a whole", {"student": _STUDENT}
)

QUEUE_UP = Instrument(
    "allaprima_queue_up", "gauge", "1 while the queue between front ends and workers can be used, else 0", {"student": _STUDENT}
)
QUEUE_LAG = Instrument(
    "allaprima_queue_lag_seconds", "gauge", "Seconds that the oldest job has waited, through whichever front end; 0 for none",
    {"student": _STUDENT, "kind": ", ".join(JobKind)},
)  # fmt: skip
QUEUE_WORKERS = Instrument(
    "allaprima_queue_workers", "gauge", "Workers that are ready, as this front end sees it", {"student": _STUDENT}
)
QUEUE_ANSWER = Instrument(
    "allaprima_queue_answer_seconds", "gauge", "Seconds that the queue's server took to answer the last look around",
    {"student": _STUDENT},
)  # fmt: skip
QUEUE_MEMORY = Instrument(
    "allaprima_queue_memory_bytes",
    "gauge",
    "Memory that the queue's server uses, for whatever it is used",
    {"student": _STUDENT},
)
QUEUE_MEMORY_LIMIT = Instrument(
    "allaprima_queue_memory_limit_bytes",
    "gauge",
    "Memory that the queue's server may use; 0 for no limit",
    {"student": _STUDENT},
)

ENERGY = Instrument(
    "allaprima_energy_joules_total", "counter", "Energy used, idle or not", {"device": _DEVICE, "meter": _METER}
)
IDLE_ENERGY = Instrument(
    "allaprima_energy_idle_joules_total", "counter", "The part of the energy used that no tick is charged with",
    {"device": _DEVICE, "meter": _METER},
)  # fmt: skip
POWER = Instrument(
    "allaprima_power_watts", "gauge", "Mean power over the last window of a second or more",
    {"device": _DEVICE, "meter": _METER},
)  # fmt: skip
JOULES_PER_IMAGE = Instrument(
    "allaprima_joules_per_image", "gauge", "Joules over images in the last window of a second or more, idle joules included",
    {"student": _STUDENT, "meter": _METER},
)  # fmt: skip

ENGINE = Instrument(
    "allaprima_engine_info", "info", "What paints",
    {"student": _STUDENT} | dict.fromkeys(("backend", "device", "precision", "batch_sizes"), "as the engine says"),
)  # fmt: skip
BUILD = Instrument("allaprima_build_info", "info", "What runs", {"version": "of Allaprima"})
LOOP_TASKS = Instrument("allaprima_event_loop_tasks", "gauge", "Tasks on the event loop")

PROCESS = (
    Instrument("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."),
    Instrument("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."),
    Instrument("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes."),
    Instrument("process_open_fds", "gauge", "Number of open file descriptors."),
    Instrument("process_max_fds", "gauge", "Maximum number of open file descriptors."),
    Instrument("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
)
"""What prometheus_client's own collector exposes, on Linux."""

GROUPS: dict[str, tuple[Instrument, ...]] = {
    "Frames and images": (FRAMES, IMAGES, FPS),
    "Time": (STAGE_SECONDS, TICK_SECONDS, TICK_ROWS),
    "Who is here, and who was turned away": (
        SESSIONS, SESSIONS_LIMIT, SESSIONS_ENDED, WATCHERS, STILLS, STILLS_LIMIT, REFUSALS, JOBS_WAITING, JOBS_IN_FLIGHT,
    ),
    "The engines": (WORKER_UP, TICK_FAILURES, ENGINE),
    "The queue between machines": (QUEUE_UP, QUEUE_LAG, QUEUE_WORKERS, QUEUE_ANSWER, QUEUE_MEMORY, QUEUE_MEMORY_LIMIT),
    "Energy": (ENERGY, IDLE_ENERGY, POWER, JOULES_PER_IMAGE),
    "The process": (BUILD, LOOP_TASKS, *PROCESS),
}  # fmt: skip
"""Everything, as docs/metrics.md shows it."""
