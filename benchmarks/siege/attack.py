"""An attack as a value, and the register of all of them."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .hostile import Hostile

KEY = "the-neighbours-key"
KEYED = ("--api-keys", KEY)
"""Flags of a server that wants a key, which the neighbour has and no attacker."""

_ROOMS = ("loop", "sockets", "codec", "shares", "sessions", "pages", "logs")
"""`against_NAME.py` of each holds attacks."""


@dataclass(frozen=True)
class Attack:
    """What one hostile client does, how many do it, and against which server.

    `flags` are for the server beside its usual ones; `descriptors` is how many it may have. With `holds`, the clients fall
    silent at the end of the attack and keep their sockets: the server has to let go of them by itself. With `door`, a
    newcomer from another address must be let in while the attack goes on.
    """

    name: str
    group: int
    what: str
    run: Callable[[Hostile], None]
    clients: int = 4
    flags: tuple[str, ...] = ()
    descriptors: int | None = None
    holds: bool = False
    door: bool = False


ATTACKS: dict[str, Attack] = {}


def attack(
    group: int,
    *,
    clients: int = 4,
    flags: tuple[str, ...] = (),
    descriptors: int | None = None,
    holds: bool = False,
    door: bool = False,
) -> Callable[[Callable[[Hostile], None]], Callable[[Hostile], None]]:
    """Register a function as an attack under its name; its docstring says what it does. `group` is what it is aimed at."""

    def register(run: Callable[[Hostile], None]) -> Callable[[Hostile], None]:
        what = (run.__doc__ or "").strip().splitlines()[0]
        ATTACKS[run.__name__] = Attack(run.__name__, group, what, run, clients, flags, descriptors, holds, door)
        return run

    return register


def together(attacks: Sequence[Attack]) -> Attack:
    """Attacks of the same flags as one: a client of each, all at once."""
    first = attacks[0]
    names, what = ",".join(one.name for one in attacks), f"{len(attacks)} attacks at once"
    held = any(one.holds for one in attacks)
    return Attack(names, first.group, what, first.run, 1, first.flags, first.descriptors, held)


def all_attacks() -> dict[str, Attack]:
    """Every attack by name, in the order of groups."""
    for room in _ROOMS:
        importlib.import_module(f"{__package__}.against_{room}")
    return dict(sorted(ATTACKS.items(), key=lambda item: item[1].group))
