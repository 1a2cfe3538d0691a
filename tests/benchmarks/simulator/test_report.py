"""The simulator's command, its table and its pictures."""

from pathlib import Path

import pytest

from benchmarks.simulator.__main__ import main, ticks


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each fleet under each load has a line, and the pictures are drawn."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed, which draws the pictures")
    picture = tmp_path / "fleets.png"
    assert main(["--workers", "1,2", "--loads", "0.5", "--ticks", "1:200", "--fps", "1", "--plots", str(picture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["1", "2"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_ticks() -> None:
    """Ticks are milliseconds by rows, of at least one row and some time."""
    assert ticks("1:20,8:90") == {1: 0.02, 8: 0.09}
    for wrong in ("1", "0:20", "1:0", "one:20"):
        with pytest.raises(ValueError):  # noqa: PT011 - the parser says which
            ticks(wrong)
