"""Decoding for many owners: once a frame, the large ones aside, and within limits."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server import codec
from server.codec import BadImage, Limits
from server.decoding import Decoding
from server.fair_pool import FairPool

from .codec.files import saved

PATIENCE = 20


@pytest.fixture
def decoding() -> Iterator[Decoding]:
    pool = FairPool(2, "test")
    yield Decoding(pool, Limits(pixels=10_000_000, whole_pixels=5_000_000))
    pool.shutdown()


def test_decoded(decoding: Decoding, picture: Any, encoded: Any) -> None:
    """The picture comes at the student's size, with the time that it took."""
    decoded = decoding.submit("me", encoded(picture(0, 320, 200), image_format="PNG"), 64, 48).result(PATIENCE)
    np.testing.assert_array_equal(decoded.pixels, codec.decode(encoded(picture(0, 320, 200), image_format="PNG"), 64, 48))
    assert decoded.seconds > 0


def test_no_picture(decoding: Decoding) -> None:
    """What is none is refused as the codec says it."""
    with pytest.raises(BadImage, match="not a JPEG"):
        decoding.submit("me", b"hello", 64, 64).result(PATIENCE)


def test_too_large(decoding: Decoding) -> None:
    """The limits are those that were given."""
    with pytest.raises(BadImage, match="largest PNG taken here is 5 megapixels"):
        decoding.submit("me", saved(Image.new("1", (3000, 3000)), "PNG"), 64, 64).result(PATIENCE)


@pytest.mark.parametrize("large", ["pixels", "bytes"])
def test_large_pictures_leave_a_thread(decoding: Decoding, monkeypatch: pytest.MonkeyPatch, encoded: Any, large: str) -> None:
    """While large pictures of several owners are decoded, or wait for it, a small one finds a thread."""
    if large == "pixels":
        huge = saved(Image.new("RGB", (2000, 1500)), "PNG")
    else:
        huge = saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (800, 800, 3), dtype=np.uint8)), "PNG")
    decode, busy, gate = codec.decode, threading.Semaphore(0), threading.Event()

    def slow(picture: codec.Picture, width: int, height: int) -> codec.Pixels:
        if picture.width >= 800:
            busy.release()
            assert gate.wait(PATIENCE)
        return decode(picture, width, height)

    monkeypatch.setattr(codec, "decode", slow)
    hostile = [decoding.submit(owner, huge, 64, 64) for owner in "abcd" for _ in range(3)]
    assert busy.acquire(timeout=PATIENCE)
    for _ in range(5):
        assert decoding.submit("polite", encoded(), 64, 64).result(PATIENCE).pixels.shape == (64, 64, 3)
    assert not busy.acquire(blocking=False)
    gate.set()
    for future in hostile:
        future.result(PATIENCE)
