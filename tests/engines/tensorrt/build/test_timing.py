"""What TensorRT measured, kept from build to build."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from engines.tensorrt.build.timing import TimingCache
from tests.engines.tensorrt.flavours import Recorder, stand_in

FULL, RTX = stand_in("tensorrt", "10.13.3"), stand_in("tensorrt_rtx", "1.7.1")


def config(fits: bool = True) -> Recorder:
    """A builder's configuration, that takes what was measured before, or not."""
    return Recorder(
        create_timing_cache=lambda known: known,
        set_timing_cache=lambda cache, ignore: fits or cache == b"",
        get_timing_cache=lambda: SimpleNamespace(serialize=lambda: b"measured"),
    )


def test_kept_from_build_to_build(tmp_path: Path) -> None:
    """A build begins with what the one before it measured, of the same version and GPU alone."""
    timings = TimingCache(FULL, tmp_path, "sm90")
    first = config()
    timings.lend(first)
    timings.keep(first)
    assert ("create_timing_cache", b"") in first.noted
    second = config()
    TimingCache(FULL, tmp_path, "sm90").lend(second)
    assert second.noted == [("create_timing_cache", b"measured"), ("set_timing_cache", b"measured", False)]
    for other in (TimingCache(FULL, tmp_path, "sm89"), TimingCache(stand_in("tensorrt", "10.14"), tmp_path, "sm90")):
        fresh = config()
        other.lend(fresh)
        assert fresh.noted == [("create_timing_cache", b""), ("set_timing_cache", b"", False)]


def test_one_that_does_not_fit(tmp_path: Path) -> None:
    """What TensorRT does not take is begun anew."""
    timings = TimingCache(FULL, tmp_path, "sm90")
    timings.keep(config())
    asked = config(fits=False)
    timings.lend(asked)
    assert asked.noted[-1] == ("set_timing_cache", b"", False)


def test_rtx_has_none(tmp_path: Path) -> None:
    """RTX is not asked for one: that alone would need a GPU."""
    asked = config()
    timings = TimingCache(RTX, tmp_path, "sm89")
    timings.lend(asked)
    timings.keep(asked)
    assert asked.noted == []
    assert not list(tmp_path.iterdir())


def test_no_place_to_keep_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder that cannot be written costs the next build time, and this one nothing."""
    timings = TimingCache(FULL, tmp_path / "gone", "sm90")
    with caplog.at_level(logging.WARNING):
        timings.keep(config())
    assert "the next build takes as long" in caplog.text
