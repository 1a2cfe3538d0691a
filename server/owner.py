"""Who a job, a connection or a line in the log is for. Shares, room, budgets and limits are all by owner, whatever the API."""

import hashlib
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_DIGEST_BYTES = 6
_PREFIX = 64
"""Bits of an IPv6 address that name a customer: the other half is the customer's own to choose."""

NOBODY = "local"
"""Where there is neither key nor address: a socket of this machine's own, as a proxy beside the server uses."""


def owner_of(key: str | None, address: str | None) -> str:
    """The owner's name: a digest of the key, else the address (of IPv6 its /64), else `NOBODY`.

    `key` is one that was found right, None where no keys are wanted: a key that anybody may make up would be a name that
    anybody may choose. `address` is the peer's as the server sees it.
    """
    return _of_address(address) if key is None else _of_key(key)


@lru_cache(1024)
def _of_key(key: str) -> str:
    return "key-" + hashlib.blake2s(key.encode(errors="replace"), digest_size=_DIGEST_BYTES, person=b"owner").hexdigest()


@lru_cache(4096)
def _of_address(address: str | None) -> str:
    if not address:
        return NOBODY
    try:
        known = ip_address(address.partition("%")[0])  # without the name of an interface
    except ValueError:
        # a proxy's word, of any length: it shall neither look like another owner nor fill a log
        return "peer-" + hashlib.blake2s(address.encode(errors="replace"), digest_size=_DIGEST_BYTES).hexdigest()
    return _network(known)


def _network(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, _PREFIX), strict=False))
