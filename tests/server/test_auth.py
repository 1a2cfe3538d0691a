"""Keys: who may come in, and what is said to whom."""

import pytest

from server.auth import NO_KEY, WRONG_KEY, bearer_subprotocol, complaint, key_in
from server.keys import Keys


def test_an_open_server() -> None:
    """Without keys everyone may come in, with a key or without."""
    assert complaint(Keys(), None) is None
    assert complaint(Keys(), "anything") is None


@pytest.mark.parametrize("shown", ["one", "two"])
def test_any_of_the_keys(shown: str) -> None:
    """Each key opens."""
    assert complaint(Keys(["one", "two"]), shown) is None


@pytest.mark.parametrize("shown", [None, ""])
def test_no_key(shown: str | None) -> None:
    """Who shows none is told how to."""
    assert complaint(Keys(["one"]), shown) == NO_KEY


@pytest.mark.parametrize("shown", ["on", "onee", "ONE", " one", "ключ", "\udcff"])
def test_a_wrong_key(shown: str) -> None:
    """A key that is nearly right, or of any characters, is wrong."""
    assert complaint(Keys(["one"]), shown) == WRONG_KEY


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("Bearer  abc ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Key abc", "abc"),
        ("Basic dXNlcjphYmM=", "abc"),  # user:abc
        ("Basic YWJjOg==", "abc"),  # abc:
        ("Basic YWJj", "abc"),  # abc
        ("Basic abc", None),
        ("Basic /w==", None),
        ("Basic", None),
        ("abc", None),
        ("", None),
        (None, None),
    ],
)
def test_key_in(header: str | None, key: str | None) -> None:
    """The key of an Authorization header is what follows the scheme, or the password of a name."""
    assert key_in(header) == key


def test_bearer_subprotocol() -> None:
    """A browser's key is among its subprotocols, in any place."""
    assert bearer_subprotocol(["allaprima.v1", "bearer.abc.def"]) == "abc.def"
    assert bearer_subprotocol(["bearer.abc", "allaprima.v1"]) == "abc"
    assert bearer_subprotocol(["allaprima.v1"]) is None
    assert bearer_subprotocol([]) is None
