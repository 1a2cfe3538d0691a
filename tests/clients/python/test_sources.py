"""Sources give the frames they promise: moving ones differ, still ones do not, and of a hurried one the newest is taken."""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from allaprima.sources import SourceError, cycled, folder, moving, newest, still


def test_moving_frames_all_differ() -> None:
    """No two of the moving frames are the same image, even between the last and the first."""
    frames = moving(128, 96, frames=20)
    pixels = [simplejpeg.decode_jpeg(frame).astype(int) for frame in frames]
    assert all(image.shape == (96, 128, 3) for image in pixels)
    for one, other in itertools.combinations(pixels, 2):
        assert np.abs(one - other).mean() > 5


def test_neighbours_differ_for_a_filter() -> None:
    """Neighbouring frames are far from similar by the published filter's measure, at the scale that servers compare."""
    frames = moving(256, 256)
    images = [simplejpeg.decode_jpeg(frame).reshape(32, 8, 32, 8, 3).mean((1, 3)).ravel() / 127.5 - 1 for frame in frames]
    for one, other in zip(images, images[1:] + images[:1], strict=True):
        assert one @ other / np.sqrt((one @ one) * (other @ other)) < 0.9


def test_seeds_give_other_scenes() -> None:
    """The scene is the seed's: the same again for the same, another for another."""
    assert moving(64, 64, 2, seed=1) == moving(64, 64, 2, seed=1)
    assert moving(64, 64, 2, seed=1) != moving(64, 64, 2, seed=2)


def test_wider_than_the_scene() -> None:
    """A frame wider than the whole scene shows it more than once."""
    assert simplejpeg.decode_jpeg(moving(200, 32, frames=2)[1]).shape == (32, 200, 3)


def test_a_still_is_one_frame_again_and_again() -> None:
    """A still source is one frame, byte for byte the same for the same seed, and cycled it never ends."""
    assert still(64, 64) == still(64, 64)
    assert len(set(itertools.islice(cycled(still(64, 64)), 5))) == 1


def test_folder_by_name(tmp_path: Path) -> None:
    """A folder gives its images by name and passes over other files."""
    for name in ("b.png", "a.jpg", "notes.txt", "c.WEBP"):
        (tmp_path / name).write_bytes(name.encode())
    assert [file.name for file in folder(tmp_path)] == ["a.jpg", "b.png", "c.WEBP"]


def test_empty_folder(tmp_path: Path) -> None:
    """A folder without images is named in the error."""
    with pytest.raises(SourceError, match="holds no images"):
        folder(tmp_path)


def test_the_newest_of_a_source_that_does_not_wait() -> None:
    """Whoever comes late gets the newest frame, and none twice."""
    taken, more = threading.Event(), threading.Event()

    def camera() -> Iterator[int]:
        yield 1
        yield 2
        taken.set()
        more.wait(20)
        yield 3

    frames = newest(camera())
    assert taken.wait(20)
    assert next(frames) == 2
    more.set()
    assert list(frames) == [3]


def test_a_source_that_breaks() -> None:
    """What a source raises comes to whoever takes from it, after the frames before it."""

    def camera() -> Iterator[int]:
        yield 1
        raise SourceError("unplugged")

    with pytest.raises(SourceError, match="unplugged"):
        list(newest(camera()))


def test_a_source_that_is_left() -> None:
    """A source that is closed is read no further, and is closed itself."""
    closed = threading.Event()

    def camera() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            closed.set()

    frames = newest(camera())
    next(frames)
    frames.close()
    assert closed.wait(20)
