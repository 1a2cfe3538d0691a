"""Sources give the frames they promise: moving ones differ, still ones do not, and what is absent is named."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from clients.sources import SourceError, folder, moving, open_source, still


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


def test_still_frames_are_identical() -> None:
    """A still source repeats one frame, byte for byte."""
    assert len(set(itertools.islice(open_source("still", 64, 64), 5))) == 1
    assert len(still(64, 64)) == 1


def test_pattern_never_ends() -> None:
    """The pattern starts again after its last frame."""
    frames = list(itertools.islice(open_source("pattern", 32, 32), 61))
    assert frames[0] == frames[60]
    assert len(set(frames)) == 60


def test_folder_by_name(tmp_path: Path) -> None:
    """A folder gives its images by name and passes over other files."""
    for name in ("b.png", "a.jpg", "notes.txt", "c.WEBP"):
        (tmp_path / name).write_bytes(name.encode())
    assert list(open_source(str(tmp_path), 1, 1)) == [b"a.jpg", b"b.png", b"c.WEBP"]


def test_empty_folder(tmp_path: Path) -> None:
    """A folder without images is named in the error."""
    with pytest.raises(SourceError, match="holds no images"):
        folder(tmp_path)


def test_file(tmp_path: Path) -> None:
    """A file is one frame, as it is."""
    (tmp_path / "x.jpg").write_bytes(b"abc")
    assert list(open_source(str(tmp_path / "x.jpg"), 1, 1)) == [b"abc"]


def test_unknown_source() -> None:
    """A source that does not exist is answered with those that do."""
    with pytest.raises(SourceError, match="pattern, still, camera"):
        open_source("nowhere", 1, 1)


@pytest.mark.skipif(importlib.util.find_spec("cv2") is not None, reason="OpenCV is installed")
def test_camera_without_opencv() -> None:
    """A camera without OpenCV says what to install."""
    with pytest.raises(SourceError, match="pip install opencv"):
        open_source("camera", 1, 1)
