"""What lies where in Redis, and the scripts that are all that touches it.

Of one student, with `L` for `allaprima:{STUDENT}:LANE`, where a lane is a schema and a build: jobs of another never meet.

| key | what | how it ends |
|---|---|---|
| `L:job:ID` | hash: bytes `b`, owner `o`, kind `k`, series `s`, front end `f`, times `c` and `d` | its answer, or its time |
| `L:line:KIND:OWNER` | list: an owner's jobs that wait | empty, or its time |
| `L:turns:KIND` | sorted set: owners who have a line, by whose turn it is | likewise |
| `L:waiting:KIND` | sorted set: all jobs that wait, by when they were made; its oldest is the queue's lag | likewise |
| `L:bell:KIND` | list of one, while a job waits: what an idle worker blocks on | likewise |
| `L:held:WORKER` | hash: jobs in a worker's hands, with when it took them, and their series | answers, or the worker's end |
| `L:suspicion:SERIES` | hash: what is held against jobs with which a worker failed; see `shared.lua` | ten minutes without it |
| `L:alone:WORKER` | string: it has, or is to have, one such job and nothing else | that job's answer, or ten minutes |
| `L:workers`, `L:said` | who is at work, by when last heard of; what each said of itself | silence |
| `L:fronts`, `L:loads` | who asks, by when last heard of; how many live jobs and owners each has | silence |
| `L:answers:FRONT` | stream: answers to one front end | read, or a minute |
| `allaprima:{STUDENT}:lanes` | sorted set of lanes, by when a worker was last heard of in each | a day |
| `allaprima:{sessions}:DIGEST` | hash: a live session `b`, and which front end has it `f` | the time to come back |
| `allaprima:{counts}:places:KIND:DIGEST` | sorted set: what a key with numbers of its own has at once (`places.py`) | silence |
| `allaprima:{counts}:rates...` | what owners have begun, by the library `limits` (`rates.py`) | the time of the rate |

The braces are a hash tag: all keys of a student are on one node of a cluster, all sessions, and all counts. Times in Redis are
its own clock's, in milliseconds; what comes and goes is an age.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

BEAT = 0.2
"""Seconds between two signs of life, of workers and of front ends."""
SILENT_LIVE = 1.0
"""Seconds of a worker's silence after which live frames in its hands are answered: they are late, and newer ones wait."""
SILENT = 3.0
"""Seconds of silence after which a worker is dead: stills in its hands are another's."""
FRONT_SILENT = 5.0
"""Seconds of silence after which a front end is dead: nobody waits for its jobs."""

MOST_BYTES = 32 << 20
"""Bytes of the largest job; a worker must have room for a tick of them."""

_SCRIPTS = Path(__file__).parent / "scripts"
ALL_SCRIPTS = (
    "submit", "take", "deliver", "withdraw", "give_back", "worker_beat", "worker_leave", "front_beat", "front_leave",
    "keep_session", "take_session",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Script:
    """A script of the queue's: its text, and the name that Redis knows it by."""

    name: str
    text: str

    @property
    def sha(self) -> str:
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


@cache
def script(name: str) -> Script:
    """The script of this name, with what all scripts share before it."""
    numbers = {"SILENT_LIVE": SILENT_LIVE, "SILENT": SILENT, "FRONT_SILENT": FRONT_SILENT}
    lines = [f"local {key} = {round(1000 * seconds)}" for key, seconds in numbers.items()]
    lines += [f"local MOST_BYTES = {MOST_BYTES}"]
    return Script(name, "\n".join([*lines, *((_SCRIPTS / f"{part}.lua").read_text("utf-8") for part in ("shared", name))]))


def scripts(names: Sequence[str]) -> list[Script]:
    return [script(name) for name in names]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one student's queue lies. `lane` is a schema and a build."""

    student: str
    lane: str

    @property
    def root(self) -> str:
        """What all keys of the lane begin with. It is the one key that scripts are given: they make the others of it."""
        return f"{self._student_root}:{self.lane}"

    @property
    def _student_root(self) -> str:
        return f"allaprima:{{{quote(self.student, safe='')}}}"

    @property
    def lanes(self) -> str:
        """Where a student's lanes are listed."""
        return f"{self._student_root}:lanes"

    def bell(self, kind: str) -> str:
        return f"{self.root}:bell:{kind}"

    def answers(self, front: str) -> str:
        return f"{self.root}:answers:{front}"
