"""The siege: every attack against a real server with a polite neighbour: python -m benchmarks.siege [--group 2] [--only pings]

Each attack is up to four hostile clients in processes of their own, for some seconds, at up to 1 MB/s each, over loopback only.
The exit status is 1 if under any of them anything was not held: the neighbour's pace, /healthz, memory, descriptors, the log.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby

from server.settings import Settings

from ..measure import percentile
from ..serving import HOST, Serving, ServingError, free_port, parse_metric, running
from .attack import KEY, KEYED, Attack, all_attacks, together
from .neighbour import Door, Neighbour, Questions
from .report import FULL, HEADING, SHORT, Finding, Limits, Phase, judge, row, summary
from .trial import Trial, all_trials
from .watch import Watch

_SERVER = ("--student", "embedded", "--engine", "fake", "--fake-tick", "0.02", "--fake-row", "0.005")
_ARMED_WITHIN = 300.0
"""Seconds for an attacker to have what it needs: pictures of 16 megapixels take seconds, and a busy machine many."""
SLACK = 12.0
"""How much longer things may take in the short form: the machine may be busy."""
_SOONER = {
    "resume_seconds": 5, "stall_seconds": 3, "header_seconds": 3, "body_seconds": 5, "handshake_seconds": 3,
    "first_frame_seconds": 4, "idle_seconds": 6, "keep_alive": 3,
}  # fmt: skip
"""Time limits of the server, so short that what they end has ended when an attack is looked back on."""


@dataclass(frozen=True)
class Plan:
    """Seconds of each phase; `patience` is for the server to be as before, with everybody gone or silent."""

    before: float = 2.5
    during: float = 6.0
    after: float = 2.0
    patience: float = 20.0
    clients: int = 4
    rate: float = 1e6
    limits: Limits = FULL


SHORTLY = Plan(before=1.0, during=3.0, after=1.0, patience=30.0, rate=1e5, limits=SHORT)


def at_once(attacks: Sequence[Attack]) -> list[Attack]:
    """The short form: those of one aim that want the same server are made at once, by a client each."""
    kinds: dict[tuple[object, ...], list[Attack]] = {}
    for one in attacks:
        kinds.setdefault((one.group, one.flags, one.descriptors), []).append(one)
    return [together(kind) for kind in kinds.values()]


def server_flags(attack: Attack) -> tuple[str, ...]:
    """The flags of the server that an attack is made on."""
    sooner = [(f"--{name.replace('_', '-')}", str(value)) for name, value in _SOONER.items() if name in Settings.model_fields]
    return (*_SERVER, *(word for pair in sooner for word in pair), *attack.flags)


@contextlib.contextmanager
def besieged(attack: Attack) -> Iterator[Serving]:
    """A server for an attack. Raises ServingError."""
    port = free_port()
    command = [sys.executable, "-m", "server", "serve", "--host", HOST, "--port", str(port), *server_flags(attack)]
    if attack.descriptors is not None:
        command = ["sh", "-c", f'ulimit -n {attack.descriptors}; exec "$@"', "sh", *command]
    with running(command, port, 60.0) as server:
        yield server


class Siege:
    """One server, its neighbour and its watchers; attacks come one after another."""

    def __init__(self, server: Serving, keyed: bool, plan: Plan) -> None:
        self._server, self._plan = server, plan
        self._key = KEY if keyed else None
        self._neighbour, self._questions = Neighbour(server.port, self._key), Questions(server.port)
        self._watch = Watch(server)
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Siege":
        parts = (self._neighbour.live(), self._questions.ask(), self._watch.look())
        self._running = [asyncio.ensure_future(part) for part in parts]
        async with asyncio.timeout(60):
            await self._neighbour.settled.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def suffer(self, attack: Attack, number: int) -> Finding:
        """One attack, from before it to after it. `number` chooses the addresses it comes from."""
        plan, door = self._plan, Door(self._server.port, self._key)
        hostiles = [await self._arm(attack, number, index) for index in range(min(plan.clients, attack.clients))]
        try:
            before = await self._phase(plan.before)
            lost, tracebacks = self._neighbour.lost, len(self._watch.tracebacks())
            self._watch.forget()
            knocking = asyncio.ensure_future(door.knock()) if attack.door else None
            for hostile in hostiles:
                _say(hostile)
            during = await self._phase(plan.during)
            if knocking is not None:
                knocking.cancel()
            most, descriptors = self._watch.most_resident_mib, self._watch.most_descriptors
            sent = [await _bytes_sent(hostile) for hostile in hostiles]
            if not attack.holds:
                await _dismiss(hostiles)
            sessions = await self._until_calm(before)
        finally:
            await _dismiss(hostiles)
        after = await self._phase(plan.after)
        finding = Finding(
            attack, before, replace(during, descriptors=descriptors), after, most, sum(sent), sessions,
            self._neighbour.lost - lost, self._watch.alive(), self._watch.tracebacks()[tracebacks:],
            (door.let_in, door.knocks) if attack.door else None,
        )  # fmt: skip
        finding.misses = judge(finding, plan.limits)
        return finding

    async def _arm(self, attack: Attack, number: int, index: int) -> asyncio.subprocess.Process:
        """A hostile client that has what it needs and waits for the sign."""
        words = (attack.name, "--port", self._server.port, "--index", index, "--seconds", self._plan.during, "--rate",
                 self._plan.rate, "--address", f"127.{attack.group}.{number % 250 + 1}.{index + 1}")  # fmt: skip
        pipe = asyncio.subprocess.PIPE
        hostile = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.siege.attacker", *map(str, words), stdin=pipe, stdout=pipe
        )
        assert hostile.stdout is not None
        async with asyncio.timeout(_ARMED_WITHIN):
            if await hostile.stdout.readline() != b"armed\n":
                raise ServingError(f"the attacker of {attack.name} cannot begin")
        return hostile

    async def _phase(self, seconds: float) -> Phase:
        begun, log = time.monotonic(), self._watch.log_bytes()
        await asyncio.sleep(seconds)
        now = time.monotonic()
        images = [took for at, took in self._neighbour.images if begun <= at < now]
        asked = [answer for at, answer in self._questions.answers if begun <= at < now]
        answered = [seconds for seconds in asked if seconds is not None]
        return Phase(
            len(images) / (now - begun),
            1e3 * percentile(images, 0.99),
            1e3 * percentile(answered, 0.99),
            len(asked) - len(answered),
            self._watch.resident_mib(),
            self._watch.descriptors(),
            (self._watch.log_bytes() - log) / (now - begun),
        )

    async def _until_calm(self, before: Phase) -> int:
        """Wait until the server is as it was, or patience ends; the sessions that are left beside the neighbour's."""
        end = time.monotonic() + self._plan.patience
        limits = self._plan.limits
        while True:
            sessions = await self._sessions()
            calm = (
                sessions == 0
                and self._watch.descriptors() <= before.descriptors + limits.descriptors
                and self._watch.resident_mib() <= before.resident_mib + limits.memory_mib
            )
            if calm or time.monotonic() > end or not self._watch.alive():
                return max(0, sessions)
            await asyncio.sleep(0.2)

    async def _sessions(self) -> int:
        """Live sessions beside the neighbour's; 999 while the server does not say."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(HOST, self._server.port)
                try:
                    key = f"Authorization: Bearer {self._key}\r\n" if self._key else ""
                    writer.write(f"GET /metrics HTTP/1.1\r\nHost: {HOST}\r\n{key}Connection: close\r\n\r\n".encode())
                    text = (await reader.read(-1)).decode()
                finally:
                    writer.close()
                return int(parse_metric(text, "allaprima_sessions") or 1) - 1
        return 999


def _say(hostile: asyncio.subprocess.Process) -> None:
    assert hostile.stdin is not None
    hostile.stdin.write(b"go\n")


async def _bytes_sent(hostile: asyncio.subprocess.Process) -> int:
    """Bytes that a hostile client has sent; it is silent from then on."""
    assert hostile.stdout is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            line = await hostile.stdout.readline()
            return int(json.loads(line)["sent"]) if line else 0
    return 0


async def _dismiss(hostiles: Sequence[asyncio.subprocess.Process]) -> None:
    """End them, and with them their sockets."""
    for hostile in hostiles:
        if hostile.returncode is None:
            hostile.kill()
            await hostile.wait()


def besiege(attacks: Iterable[Attack], plan: Plan) -> Iterator[Finding]:
    """Each attack's finding as it comes. Attacks of the same flags share a server until one is not held."""
    numbered = list(enumerate(attacks))
    for _, alike in groupby(numbered, key=lambda one: (one[1].flags, one[1].descriptors)):
        left = list(alike)
        while left:
            with besieged(left[0][1]) as server, asyncio.Runner() as runner:
                siege = Siege(server, KEYED[0] in left[0][1].flags, plan)
                runner.run(siege.__aenter__())
                try:
                    while left:
                        number, attack = left.pop(0)
                        finding = runner.run(siege.suffer(attack, number))
                        yield finding
                        if finding.misses:
                            break
                finally:
                    runner.run(siege.__aexit__())


def main(arguments: list[str] | None = None) -> int:
    """Besiege and print the table as it grows. 1 if something was not held or the server does not start."""
    options = _parse(arguments)
    chosen = [attack for attack in all_attacks().values() if _wanted(options, attack)]
    trials = [trial for trial in all_trials().values() if _wanted(options, trial)]
    if options.list:
        everything: list[Attack | Trial] = [*chosen, *trials]
        for one in everything:
            print(f"{one.group:>2}  {one.name:<38}{one.what}")
        return 0
    plan = Plan(clients=options.clients, rate=options.rate, during=options.seconds)
    if options.short:
        chosen, plan = at_once(chosen), SHORTLY
    findings: list[Finding] = []
    failed = 0
    try:
        print(HEADING if chosen else "", flush=True)
        for finding in besiege(chosen, plan):
            findings.append(finding)
            print(row(finding), flush=True)
        for trial in trials:
            wrong = trial.run(SLACK if options.short else 1.0)
            failed += bool(wrong)
            print(f"{trial.group:>2} {trial.name:<38}{'' if wrong else 'held'}", *wrong, sep="\n     ! ", flush=True)
    except ServingError as error:
        print(f"ServingError: {error}", file=sys.stderr)
        return 1
    print(f"\n{summary(findings)}; {len(trials) - failed} of {len(trials)} trials")
    if options.json:
        print(json.dumps([{**asdict(one), "attack": one.attack.name} for one in findings], default=str))
    return 1 if failed or any(finding.misses for finding in findings) else 0


def _wanted(options: argparse.Namespace, one: Attack | Trial) -> bool:
    return (not options.only or one.name in options.only) and (not options.group or one.group in options.group)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.siege", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--group", type=_groups, default=(), help="groups of attacks, comma-separated")
    parser.add_argument("--only", type=_names, default=(), help="names of attacks, comma-separated")
    parser.add_argument("--list", action="store_true", help="name the attacks and make none")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each attack")
    parser.add_argument("--clients", type=int, default=4, help="hostile clients of each attack")
    parser.add_argument("--rate", type=float, default=1e6, help="bytes a second of each of them, at most")
    parser.add_argument(
        "--short",
        action="store_true",
        help="all of one aim at once; is everybody served at all?",
    )
    parser.add_argument("--json", action="store_true", help="print all figures as JSON too")
    return parser.parse_args(arguments)


def _groups(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))
