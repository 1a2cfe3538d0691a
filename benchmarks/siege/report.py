"""What a siege found: figures of each attack before, during and after, what was not held, and the table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .attack import Attack


@dataclass(frozen=True)
class Limits:
    """What must be held. The short form only asks whether everybody is served at all: it may run on a busy machine."""

    pace: float = 0.8
    """Of the neighbour's pace before."""
    health_ms: float = 250.0
    memory_mib: float = 20.0
    descriptors: int = 4
    log_rate: float = 8192.0
    """Bytes a second of log, of all attackers together."""


FULL = Limits()
SHORT = Limits(pace=0.05, health_ms=20_000.0, memory_mib=80.0, log_rate=32768.0)
"""On a machine that others keep busy: is everybody served at all?"""


@dataclass(frozen=True)
class Phase:
    """Of one stretch of time: images a second, milliseconds, MiB, descriptors, bytes of log a second."""

    pace: float
    p99_ms: float
    health_p99_ms: float
    health_unanswered: int
    resident_mib: float
    descriptors: int
    log_rate: float


@dataclass
class Finding:
    """One attack: three phases, and what else was seen."""

    attack: Attack
    before: Phase
    during: Phase
    after: Phase
    most_resident_mib: float
    sent: int
    """Bytes, of all hostile clients."""
    sessions_left: int
    """Beside the neighbour's."""
    neighbour_lost: int
    alive: bool
    tracebacks: list[str]
    """What was raised, of each in the log."""
    door: tuple[int, int] | None = None
    """How many newcomers were let in, of how many."""
    misses: list[str] = field(default_factory=list)


def judge(finding: Finding, limits: Limits) -> list[str]:
    """What was not held, in words."""
    before, during, after = finding.before, finding.during, finding.after
    misses = []
    if not finding.alive:
        return ["the server ended"]
    if during.pace < limits.pace * before.pace:
        misses.append(f"the neighbour had {during.pace:.1f} images/s of {before.pace:.1f}")
    if finding.neighbour_lost:
        misses.append(f"the neighbour lost its connection {finding.neighbour_lost} times")
    if during.health_unanswered:
        misses.append(f"/healthz did not answer {during.health_unanswered} times")
    elif during.health_p99_ms > limits.health_ms:
        misses.append(f"/healthz took {during.health_p99_ms:.0f} ms at p99")
    if during.log_rate > limits.log_rate:
        misses.append(f"the log grew by {during.log_rate / 1024:.0f} KiB/s")
    if after.resident_mib > before.resident_mib + limits.memory_mib:
        misses.append(f"memory {before.resident_mib:.0f} to {after.resident_mib:.0f} MiB")
    if after.descriptors > before.descriptors + limits.descriptors:
        misses.append(f"descriptors {before.descriptors} to {after.descriptors}")
    if finding.sessions_left:
        misses.append(f"{finding.sessions_left} sessions are left")
    if after.pace < limits.pace * before.pace:
        misses.append(f"afterwards the neighbour had {after.pace:.1f} images/s of {before.pace:.1f}")
    if finding.attack.door and finding.door is not None and not finding.door[0]:
        misses.append(f"none of {finding.door[1]} newcomers was let in")
    if finding.tracebacks:
        misses.append(f"{len(finding.tracebacks)} tracebacks in the log, the last of {finding.tracebacks[-1][:200]}")
    return misses


HEADING = (
    f"{'attack':<38}{'images/s':>15}{'p99 ms':>14}{'/healthz p99':>14}{'MiB before most after':>23}"
    f"{'descriptors':>13}{'log KiB/s':>11}{'MB/s':>6}"
)


def row(finding: Finding) -> str:
    """A line of the table: before, during, after of each."""
    b, d, a = finding.before, finding.during, finding.after
    unanswered = f"+{d.health_unanswered}" if d.health_unanswered else ""
    return (
        f"{finding.attack.group:>2} {_name(finding.attack):<35}"
        f"{b.pace:>5.1f}{d.pace:>5.1f}{a.pace:>5.1f}"
        f"{_whole(b.p99_ms):>5}{_whole(d.p99_ms):>9}"
        f"{_whole(b.health_p99_ms):>5}{_whole(d.health_p99_ms) + unanswered:>9}"
        f"{b.resident_mib:>8.0f}{finding.most_resident_mib:>8.0f}{a.resident_mib:>7.0f}"
        f"{b.descriptors:>5}{d.descriptors:>4}{a.descriptors:>4}"
        f"{d.log_rate / 1024:>11.1f}{finding.sent / 1e6:>6.1f}"
        + ("" if not finding.misses else "\n" + "\n".join(f"     ! {miss}" for miss in finding.misses))
    )


def _name(attack: Attack) -> str:
    return attack.what if "," in attack.name else attack.name


def _whole(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0f}"


def summary(findings: Sequence[Finding]) -> str:
    """One line: how many attacks were held."""
    held = sum(not finding.misses for finding in findings)
    return f"{held} of {len(findings)} attacks were held"
