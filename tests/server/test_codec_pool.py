"""The codec's threads: one decode a frame, the large ones aside, within limits; and encoding apart."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server import codec
from server.codec import BadImage, Limits
from server.codec_pool import CodecPool

from .codec.files import saved

PATIENCE = 20


@pytest.fixture
def pool() -> Iterator[CodecPool]:
    made = CodecPool(2, Limits(pixels=10_000_000, whole_pixels=5_000_000))
    yield made
    made.shutdown()


def test_decoded(pool: CodecPool, picture: Any, encoded: Any) -> None:
    """The picture comes at the student's size, with the time that it took."""
    decoded = pool.decode("me", encoded(picture(0, 320, 200), image_format="PNG"), 64, 48).result(PATIENCE)
    np.testing.assert_array_equal(decoded.pixels, codec.decode(encoded(picture(0, 320, 200), image_format="PNG"), 64, 48))
    assert decoded.seconds > 0


def test_no_picture(pool: CodecPool) -> None:
    """What is none is refused as the codec says it."""
    with pytest.raises(BadImage, match="not a JPEG"):
        pool.decode("me", b"hello", 64, 64).result(PATIENCE)


def test_too_large(pool: CodecPool) -> None:
    """The limits are those that were given."""
    with pytest.raises(BadImage, match="largest PNG taken here is 5 megapixels"):
        pool.decode("me", saved(Image.new("1", (3000, 3000)), "PNG"), 64, 64).result(PATIENCE)


@pytest.mark.parametrize("large", ["pixels", "bytes"])
def test_large_pictures_leave_a_thread(pool: CodecPool, monkeypatch: pytest.MonkeyPatch, encoded: Any, large: str) -> None:
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
    hostile = [pool.decode(owner, huge, 64, 64) for owner in "abcd" for _ in range(3)]
    assert busy.acquire(timeout=PATIENCE)
    for _ in range(5):
        assert pool.decode("polite", encoded(), 64, 64).result(PATIENCE).pixels.shape == (64, 64, 3)
    assert not busy.acquire(blocking=False)
    gate.set()
    for future in hostile:
        future.result(PATIENCE)


def test_looked_at(pool: CodecPool, encoded: Any) -> None:
    """What wants to see the picture does so on the thread that decoded it."""
    decoded = pool.decode("me", encoded(), 64, 64, look=lambda pixels: (pixels.shape, threading.current_thread().name)).result(
        PATIENCE
    )
    shape, thread = decoded.seen
    assert shape == (64, 64, 3)
    assert thread.startswith("decoding")


def test_encoding_does_not_wait_for_decoding(pool: CodecPool, monkeypatch: pytest.MonkeyPatch, encoded: Any) -> None:
    """While every decoding thread is busy, images are encoded; at the end those that wait are, too."""
    gate = threading.Event()
    monkeypatch.setattr(codec, "decode", lambda *_: gate.wait(PATIENCE))
    busy = [pool.decode(owner, encoded(), 64, 64) for owner in "abcd"]
    assert pool.encode("me", lambda: b"image").result(PATIENCE) == b"image"
    gate.set()
    for future in busy:
        future.result(PATIENCE)
    last = [pool.encode("me", lambda number=number: number) for number in range(20)]  # type: ignore[misc]
    pool.shutdown()
    assert [future.result(0) for future in last] == list(range(20))
