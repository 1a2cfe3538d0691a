"""Owners: one name for one person, which nobody else can take."""

import pytest

from server.owner import NOBODY, owner_of


def test_a_key_is_its_owner_wherever_it_comes_from() -> None:
    """With a key the address does not matter, and the name does not tell the key."""
    name = owner_of("secret", "192.0.2.1")
    assert name == owner_of("secret", "198.51.100.7") == owner_of("secret", None)
    assert name != owner_of("other", "192.0.2.1")
    assert "secret" not in name


@pytest.mark.parametrize("key", ["", "192.0.2.1", "2001:db8::/64", NOBODY, "\ud800"])
def test_a_key_is_never_an_address(key: str) -> None:
    """Even a key that reads like an address is another owner than that address."""
    assert owner_of(key, "192.0.2.1").startswith("key-")


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", NOBODY),
        (None, NOBODY),
    ],
)
def test_an_address_without_a_key(address: str | None, owner: str) -> None:
    """IPv4 by address, IPv6 by the 64 bits that a customer is given, however it is written."""
    assert owner_of(None, address) == owner


def test_what_is_no_address() -> None:
    """A proxy's word that is no address gets a name of bounded length that is nobody else's."""
    name = owner_of(None, "key-" + "x" * 10_000)
    assert name.startswith("peer-")
    assert len(name) < 40
    assert name != owner_of(None, "key-y")
