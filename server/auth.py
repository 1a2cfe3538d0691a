"""Who may come in, and how they show their key."""

import base64
from collections.abc import Sequence

from wire import BEARER_PREFIX

from .keys import Keys

NO_KEY = "this server wants a key: send it as `Authorization: Bearer KEY`"
WRONG_KEY = "the key is wrong; ask whoever runs this server for one"


def complaint(keys: Keys, shown: str | None) -> str | None:
    """What is wrong with the key a client showed, or None if it may come in."""
    if not keys:
        return None
    if not shown:
        return NO_KEY
    return WRONG_KEY if keys.owner(shown) is None else None


def key_in(header: str | None) -> str | None:
    """The key in an Authorization header: `Bearer KEY`, `Key KEY`, or of `Basic` the password, or the name if that is empty."""
    scheme, _, key = (header or "").partition(" ")
    if scheme.lower() == "basic":
        name, _, password = _decoded(key.strip()).partition(":")
        return password or name or None
    return key.strip() or None if scheme.lower() in ("bearer", "key") else None


def _decoded(basic: str) -> str:
    try:
        return base64.b64decode(basic, validate=True).decode()
    except ValueError:  # of which a UnicodeDecodeError is one
        return ""


def bearer_subprotocol(subprotocols: Sequence[str]) -> str | None:
    """The key a browser hides among its subprotocols, since it cannot send a header."""
    return next((p.removeprefix(BEARER_PREFIX) for p in subprotocols if p.startswith(BEARER_PREFIX)), None)
