"""Attacks on the queue and the engine: one who wants more than a share, or work that is thrown away."""

import json

from . import frames, material
from .attack import attack
from .hostile import Hostile, Socket


def _ask(me: Hostile, body: dict[str, object], at_once: int, wait: float) -> None:
    """So many stills at once on sockets of their own; each asks again when it is answered, or after `wait` seconds leaves."""
    asked = frames.still(body)
    sockets: dict[Socket, float] = {}
    for turn in me.rounds():
        while len(sockets) < at_once and not me.over:
            if (one := me.connect()) is None or not me.send(one, asked):
                break
            sockets[one] = turn
        me.sleep(min(wait, 0.02))
        for one, since in list(sockets.items()):
            if (turn - since) * 0.02 > wait or me.read(one, 0.0):
                me.drop(one)
                del sockets[one]


@attack(5)
def stills_at_once(me: Hostile) -> None:
    """Sixteen stills at once of each client, again and again."""
    _ask(me, {"prompt": "x"}, 16, 30.0)


@attack(5)
def stills_of_ten(me: Hostile) -> None:
    """Requests for ten images each, eight at once of each client."""
    _ask(me, {"prompt": "x", "n": 10}, 8, 30.0)


@attack(5)
def stills_given_up(me: Hostile) -> None:
    """Stills whose client hangs up at once, as many as fit into the rate."""
    _ask(me, {"prompt": "x", "n": 10}, 32, 0.0)


@attack(5)
def stills_that_fail(me: Hostile) -> None:
    """Stills that fail in the engine, or whose tick fails."""
    _ask(me, {"prompt": ("fake:crash", "fake:error", "fake:nan")[me.index % 3]}, 16, 30.0)


@attack(5)
def stills_of_the_slowest_kind(me: Hostile) -> None:
    """Stills as WebP of the finest quality."""
    _ask(me, {"prompt": "x", "output_format": "webp", "output_compression": 100}, 16, 30.0)


@attack(5)
def stills_that_are_wrong(me: Hostile) -> None:
    """Values out of range: n of a million, seeds that are not, sizes that are not, models that are not."""
    wrong: list[dict[str, object]] = [
        {"n": 1_000_000}, {"n": 10**30}, {"seed": -1}, {"seed": 2**200}, {"size": "99999x99999"}, {"size": "x" * 5000},
        {"model": "m" * 5000}, {"model": "../../etc/passwd"}, {"output_compression": -1}, {"prompt": ["x"] * 500},
    ]  # fmt: skip
    me.pour(lambda count: frames.still({"prompt": "x", **wrong[count % len(wrong)]}), me.connect)


@attack(5)
def other_names_for_everything(me: Hostile) -> None:
    """Stills that name another user, request, model and trace each time: no name may cost memory or a series for ever."""

    def named(count: int) -> bytes:
        name = f"{me.index}-{count}-" + "n" * 200
        body = {"prompt": name, "user": name, "model": name if count % 2 else None}
        return frames.still(body, {"X-Request-Id": name, "User-Agent": name, "traceparent": f"00-{count:032x}-{1:016x}-01"})

    me.pour(named, me.connect)


@attack(5)
def live_as_fast_as_may_be(me: Hostile) -> None:
    """Live frames of the right size, as many as the rate allows, from one connection each."""
    image = material.plain(256)
    me.pour(lambda count: frames.picture(count, image), me.stream)


@attack(5, door=True)
def eight_live_each(me: Hostile) -> None:
    """Eight live connections of each client, all of which paint all the time."""
    image = material.plain(256)
    sockets: list[Socket] = []
    for number in me.rounds():
        if len(sockets) < 8 and (one := me.stream()) is not None:
            me.send(one, frames.params(similarity=None))
            sockets.append(one)
        sockets = [one for one in sockets if me.send(one, frames.picture(number, image))]
        me.sleep(0.02)


@attack(5)
def live_frames_that_fail(me: Hostile) -> None:
    """Live frames whose tick fails, so that all who share it are painted again one by one."""
    image = material.plain(256)
    one: Socket | None = None
    for number in me.rounds():
        if one is None and (one := me.stream()) is not None:
            me.send(one, frames.params(prompt="fake:crash", similarity=None))
        if one is None or not me.send(one, frames.picture(number, image)):
            one = None
        me.sleep(0.02)


@attack(5)
def a_new_prompt_for_each_frame(me: Hostile) -> None:
    """A new prompt for each live frame: none that was read before is of use."""
    image = material.plain(256)

    def both(count: int) -> bytes:
        text = json.dumps([count, me.index]) + "p" * 500
        return frames.params(prompt=text, similarity=None) + frames.picture(count, image)

    me.pour(both, me.stream)


@attack(5)
def ids_at_the_end(me: Hostile) -> None:
    """Frames under the last ids that there are, and then under ids that do not grow: each is answered by an error."""
    image = material.plain(64)
    me.pour(lambda count: frames.picture(2**32 - 1 - count % 3, image), me.stream)


@attack(5)
def seeds_of_all_kinds(me: Hostile) -> None:
    """Another seed, strength and format for each frame: nothing that is kept by value is found again."""
    image = material.plain(256)

    def both(count: int) -> bytes:
        chosen = {"seed": me.random.randrange(2**32), "strength": me.random.random(), "quality": 1 + count % 100}
        return frames.params(**chosen, similarity=None) + frames.picture(count, image)

    me.pour(both, me.stream)


@attack(5)
def stills_of_all_seeds(me: Hostile) -> None:
    """Stills of a seed and a prompt that nobody asked for before, eight at once of each client."""
    _ask(me, {"prompt": "x" * (me.index + 1), "seed": me.random.randrange(2**32), "n": 2}, 8, 30.0)
