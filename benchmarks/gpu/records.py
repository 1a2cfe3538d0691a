"""What was measured: a line of JSON each in one file, written when it is there, for whoever goes on and for the report."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .table import said

Record = Mapping[str, Any]

NAME = "results.jsonl"


class Records:
    """A file that several processes write, one after another, and that may end in the middle of a line: one was ended."""

    def __init__(self, folder: Path, show: Callable[[str], None] = lambda line: print(line, flush=True)) -> None:
        self.path, self._show = folder / NAME, show

    def tell(self, record: Record) -> None:
        """On the disk when this returns, and printed."""
        folder_is_new = not self.path.exists()
        with self.path.open("ab+") as file:
            if not folder_is_new and file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # what another was writing when it was ended
                    file.write(b"\n")
            file.write(json.dumps(record).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._show(said(record))

    def read(self) -> list[Record]:
        """All there are; lines that are not whole are left out."""
        return read_records(self.path) if self.path.exists() else []


def read_records(path: Path) -> list[Record]:
    """Those of a file. What is not a whole line of JSON is left out."""
    records: list[Record] = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "kind" in record:
            records.append(record)
    return records


def last_rows(records: Sequence[Record]) -> list[Record]:
    """The records, of several of the same only the last: a file may hold more than one run."""
    names = {
        "row": ("engine", "family", "pixels", "batch", "under_way"),
        "scene": ("engine", "scene", "cameras", "filtered"),
        "flops": ("networks",),
        "peak": ("device", "precision"),
    }
    kept: dict[object, Record] = {}
    for at, record in enumerate(records):
        key: object = at
        if record["kind"] in names:
            key = (record["kind"], *(record.get(name) for name in names[record["kind"]]))
        kept[key] = record
    return list(kept.values())
