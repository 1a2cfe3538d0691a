"""Records survive whoever wrote them."""

import json
from pathlib import Path

from benchmarks.gpu.records import NAME, Records, last_rows, read_records


def test_several_write_one_file(tmp_path: Path) -> None:
    """Each line is there when it is told, also to others, and is printed."""
    shown: list[str] = []
    one, other = Records(tmp_path, shown.append), Records(tmp_path, shown.append)
    one.tell({"kind": "absent", "what": "a", "why": "b"})
    assert other.read() == [{"kind": "absent", "what": "a", "why": "b"}]
    other.tell({"kind": "error", "what": "c", "error": "d"})
    assert [record["kind"] for record in one.read()] == ["absent", "error"]
    assert shown == ["a: b", "c: FAILED: d"]


def test_a_line_that_was_not_finished(tmp_path: Path) -> None:
    """What was being written when a process was ended is left out, and spoils nothing that comes after."""
    path = tmp_path / NAME
    path.write_text(json.dumps({"kind": "skipped", "what": "a", "why": "b"}) + "\n" + '{"kind": "row", "eng')
    records = Records(tmp_path, lambda line: None)
    records.tell({"kind": "skipped", "what": "c", "why": "d"})
    assert [record["what"] for record in records.read()] == ["a", "c"]
    path.write_text(path.read_text() + "3\n")
    assert len(read_records(path)) == 2


def test_nothing_yet(tmp_path: Path) -> None:
    """A folder without records has none."""
    assert Records(tmp_path).read() == []


def test_later_records_replace_earlier_ones() -> None:
    """A file of two runs has each row once, as it was measured last, and each count."""
    row = {"kind": "row", "engine": "torch", "family": "sd15", "pixels": 512, "batch": 1, "under_way": 1}
    flops = {"kind": "flops", "networks": "sd15-512"}
    kept = last_rows([{**row, "n": 1}, {"kind": "error"}, flops, {**row, "n": 2}, {**row, "batch": 2}, flops])
    assert [record.get("n") for record in kept if record["kind"] == "row"] == [2, None]
    assert kept.count(flops) == 1
    assert {"kind": "error"} in kept
