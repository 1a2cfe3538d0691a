"""Attacks by other people's pages: what a browser says on their behalf."""

from . import frames
from .attack import attack
from .hostile import Hostile

EVIL = {"Origin": "http://evil.example"}


@attack(9)
def streams_of_another_page(me: Hostile) -> None:
    """Live connections whose Origin is another page's, again and again."""
    for _ in me.rounds():
        if (one := me.stream(headers=EVIL)) is not None:
            me.send(one, frames.frame(frames.PING, b"p" * 125) * 8)
            me.drop(one)


@attack(9)
def stills_of_another_page(me: Hostile) -> None:
    """Stills asked for by another page, as text so that no browser asks first."""
    me.pour(frames.still({"prompt": "x"}, {**EVIL, "Content-Type": "text/plain"}), me.connect)


@attack(9)
def preflights(me: Hostile) -> None:
    """The question that a browser asks before another page's request, with long lists of headers."""
    asked = {**EVIL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ",".join(["x-a"] * 2000)}
    me.pour(frames.request("OPTIONS", frames.STILLS, headers=asked) * 4, me.connect)


@attack(9)
def other_hosts(me: Hostile) -> None:
    """Hosts that this server is not: a name that was made to point here."""
    hosts = ("evil.example", "evil.example:80", "[::1]:1", "x" * 3000, "127.0.0.1.evil.example", "")
    me.pour(lambda count: frames.request("GET", "/v1/models", headers={"Host": hosts[count % len(hosts)]}), me.connect)
