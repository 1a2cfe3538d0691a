"""docs/metrics.md, written from the instruments' declarations: python -m server.metrics_doc > docs/metrics.md"""

from collections.abc import Iterator

from .instruments import GROUPS, Instrument

_HEAD = """\
# Metrics

`GET /metrics`, with a key where keys are set and not `--public metrics`: Prometheus's text format, or OpenMetrics for who
asks for it in the `Accept` header. This page is generated (`python -m server.metrics_doc > docs/metrics.md`) from the
declarations in `server/instruments.py`.

Units are seconds, bytes, joules and watts. Labels are of bounded size: never a session, a request, or anything else that a
client chooses, so the number of series depends on the students served and on the meters found, and on nothing that happens
later. Counters are there at 0 from the start. What cannot be known is absent, not 0.

**One server is one process**, however many students it serves, and so is a front end or a worker ([workers.md](workers.md)):
let Prometheus scrape each. Whoever answers a frame counts it, so that sums over all processes are right: a worker what it
painted or failed on, at its `--worker-port`; a front end what never came to one. So values stay in memory, and
`PROMETHEUS_MULTIPROC_DIR` is without effect here: the client library's multi-process mode would lose what is computed when
asked (images a second, energy, gauges of queues), and count on where a dead process of the same number left off, which in a
container is every restart.
"""

_NOTES = {
    "Frames and images": """\
Outcomes: `image`; `repeat`, a frame like the last one, answered by the filter without the engine; `dropped_newer`, a newer
frame came before it was begun; `dropped_late`, past its deadline or its owner gone; `refused`, no room or not possible;
`failed`. Each frame and each still is counted once, under its student; only a frame that had not been looked at when its
connection ended is not.
""",
    "Time": """\
Stages of an image, in seconds: `wait` from arrival to its first tick without decoding; `decode`; `engine`, all of its ticks
in full (rows that share a tick have it in full each); `upscale`, of images that were made larger; `encode`; and `total`, from
arrival to answer. `allaprima_stage_seconds` is most of the series that a student brings: `sum by (le)` before a percentile of
all of them.
""",
    "Who is here, and who was turned away": """\
Reasons of refusals: `unauthorized`, no key or a wrong one; `full`, no room for a session, a still or a frame; `not_ready`,
starting or stopping; `bad_request`, a value that cannot be, a route that is not there, a frame that is no image;
`too_large`, a message over the limit; `unknown_student`; `unsupported`, what this student cannot do; `protocol`, a message
or subprotocol that is not the live protocol's; `foreign`, another site's page or a name that is not ours; `crowded`, no
room for a connection, or dropped while idle to make some; `flood`, empty frames or new connections without end; `slow`, a
header, a body, a message, a frame or a reader that took too long; `rate`, more than an owner may begin in a time
(`--rate`, or its key's own). A refused frame or still that had a student counts in
`allaprima_frames_total` too.

The room taken is `allaprima_sessions` over `allaprima_sessions_limit`, and `allaprima_stills` over `allaprima_stills_limit`:
at 1 the next one is refused with `full`.

How connections end: `left`, the client closed it; `lost`, it broke; `stalled`, answers were left unread; `too_large`,
`protocol` and `flood`, closed for what the client sent; `idle`, for what it did not; `shutdown`; `error`, a fault of the
server's, which its log explains. A session that is resumed has a connection each time.
""",
    "The engines": """\
`allaprima_worker_up` is 0 while an engine is built and warmed up, and when it has failed or stops. When a tick of several
rows fails, its rows are run again one by one: that is one failure, and one more for each row that fails alone.
""",
    "The queue between machines": """\
These are there with `--queue` only: all of a front end, and `allaprima_queue_up` of a worker too. Every front end sees the same
lag, workers and memory, so take the `max` over front ends. The lag is the measure to add workers by: while it stays near 0 they
keep up, however busy they are.
""",
    "Energy": """\
Absent where no meter is: a virtual machine, a container without the counters, a GPU older than Volta. The log says at the
start what is metered and what is not, and why. Meters are `nvml` (NVIDIA's driver), `rapl` (the processor's packages and
memory) and `model` (busy seconds times `--watts`, only where the operator states them: an assumption, and labelled so).

**Two questions, two numbers.** What does an image cost whoever pays for the machine? `allaprima_joules_per_image`:
everything that the meters counted over the images made, *idle joules included*, so it rises when few people are there. What
did *this* image take? `joules` in a REST answer's `timings`, and in the line that the log has of a session's end: its share
of its ticks, *idle joules excluded*, the same whether it was alone in its window or one of many. What lies between the two
is `allaprima_energy_idle_joules_total`: the energy of the time in which nobody painted, at the power that such time took
lately. (What a device draws at rest is in a tick's energy too for as long as the tick runs, as a meter read at its two ends
would show.) Where a GPU and a processor are metered, the sum of both is told (`nvml+rapl`); a model's joules are never
added to metered ones.

A session's joules are settled from the meters' windows, and estimated from the last closed window on; a still's are an
estimate at the watts that painting took in the last few windows, so the first stills after a start have none.

- NVML's counter is brought up to date every 20 to 100 ms: a window of a second is off by some per cent at its edges, and
  what one window misses the next one has.
- A GPU divided by MIG has one counter for all its parts: other tenants' energy is in it.
- All GPUs that the driver shows are metered where an engine may use them; `--energy-device` names those that are its own.
- A meter that cannot be read any more is left out from then on: all its series go, the log says so once, and what was
  counted for sessions until then stays counted. It does not come back before a restart.
- Other programs on the same machine use energy too, and nobody can tell it apart.
""",
    "The process": """\
`process_*` are there on Linux only.
""",
}


def document() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_group(title, instruments) for title, instruments in GROUPS.items()), _buckets()])


def _group(title: str, instruments: tuple[Instrument, ...]) -> str:
    rows = "\n".join(f"| `{one.name}` | {one.kind} | {_labels(one)} | {one.help.rstrip('.')} |" for one in instruments)
    return f"## {title}\n\n| name | kind | labels | what |\n|---|---|---|---|\n{rows}\n\n{_NOTES[title]}"


def _labels(one: Instrument) -> str:
    return "; ".join(f"`{name}`: {values}" for name, values in one.labels.items()) or "-"


def _buckets() -> str:
    return "\n".join(["## Buckets", "", *_bucket_lines()])


def _bucket_lines() -> Iterator[str]:
    for instruments in GROUPS.values():
        for one in instruments:
            if one.buckets:
                yield f"- `{one.name}`: {', '.join(f'{bound:g}' for bound in one.buckets)}"


if __name__ == "__main__":
    print(document())
