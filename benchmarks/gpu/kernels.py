"""What torch has compiled, in one file for another time on a machine that forgets: the first start is minutes without it."""

import lzma
import tarfile
from pathlib import Path

MIB = 1 << 20
MOST = 16 * MIB
"""Bytes of a file that is worth carrying."""
_KEPT = ("torch", "torch-choices")
"""Where an engine keeps them and what it chose between, under the folder of a shape: see `engines.pytorch.opening`."""


def pack(folder: Path, to: Path, most: int = MOST) -> str:
    """Everything compiled for any shape, as a tar in xz; in words what became of it. No larger file is left behind."""
    found = sorted(path for kept in _KEPT for path in folder.glob(f"*/{kept}"))
    if not found:
        return f"nothing compiled lies in {folder}"
    with lzma.open(to, "wb", preset=1) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for one in found:
            archive.add(one, one.relative_to(folder).as_posix(), filter=_plain)
    size = to.stat().st_size
    if size > most:
        to.unlink()
        return f"what was compiled is {size / MIB:.1f} MiB packed, more than {most / MIB:.0f}: left where it is"
    return f"what was compiled is packed into {to}: {size / MIB:.1f} MiB"


def unpack(packed: Path, folder: Path) -> None:
    """Where it lay when it was packed: beneath `folder`, which has to be the same as then."""
    folder.mkdir(parents=True, exist_ok=True)
    with lzma.open(packed) as raw, tarfile.open(fileobj=raw) as archive:
        archive.extractall(folder, filter="data")


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Files and folders; not what processes that are still at work hold, nor locks."""
    return entry if (entry.isfile() or entry.isdir()) and not entry.name.endswith((".lock", ".tmp")) else None
