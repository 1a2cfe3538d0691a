"""The build cache: a key of everything that could make a build wrong, and a sidecar that says so in words."""

import json
import os
from pathlib import Path

import pytest

from engines.build_cache import KEPT, SIDECAR, BuildCache, KeptFiles, key_of, list_builds, temporary_for
from engines.errors import EngineError

FACTS = {"student": "embedded", "graphs": "abc", "batch_sizes": "1,2", "precision": "f32", "backend": "x 1.0"}


def test_the_key_is_of_every_field() -> None:
    """Another value of any field is another key; the order of fields is nothing."""
    keys = {key_of(FACTS)} | {key_of({**FACTS, field: "other"}) for field in FACTS}
    assert len(keys) == 1 + len(FACTS)
    assert key_of(dict(reversed(FACTS.items()))) == key_of(FACTS)


def test_a_new_build(tmp_path: Path) -> None:
    """A folder is made for a new build, and without its seal it is a build not yet whole."""
    folder = BuildCache(tmp_path / "deep" / "cache").folder(FACTS)
    assert folder.is_dir()
    assert not (folder / SIDECAR).exists()


def test_a_sealed_build(tmp_path: Path) -> None:
    """The same facts find the same folder, whose sidecar a person can read."""
    cache = BuildCache(tmp_path)
    folder = cache.folder(FACTS)
    cache.seal(FACTS)
    assert cache.folder(FACTS) == folder
    assert json.loads((folder / SIDECAR).read_text()) == {**FACTS, "sha256": {}}
    assert [path.name for path in folder.iterdir()] == [SIDECAR]


def test_other_facts(tmp_path: Path) -> None:
    """Another build lies in another folder."""
    cache = BuildCache(tmp_path)
    assert cache.folder(FACTS) != cache.folder({**FACTS, "precision": "bf16"})


@pytest.mark.parametrize("field", FACTS)
def test_a_mismatch(tmp_path: Path, field: str) -> None:
    """A folder that holds something else is refused, with the field that differs and what to do."""
    cache = BuildCache(tmp_path)
    folder = cache.folder(FACTS)
    (folder / SIDECAR).write_text(json.dumps({**FACTS, field: "other"}))
    with pytest.raises(EngineError, match=f"built for {field} 'other', not {FACTS[field]!r}; delete .*{folder.name}"):
        cache.folder(FACTS)


@pytest.mark.parametrize("text", ["", "{", "\x00", "[]", "null"])
def test_a_broken_sidecar(tmp_path: Path, text: str) -> None:
    """A sidecar that cannot be read is refused with what to do."""
    cache = BuildCache(tmp_path)
    (cache.folder(FACTS) / SIDECAR).write_text(text)
    with pytest.raises(EngineError, match=r"delete .* and start again"):
        cache.folder(FACTS)


def test_no_place_for_a_cache(tmp_path: Path) -> None:
    """Where no folder can be made another place is asked for."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EngineError, match="choose another with --cache"):
        BuildCache(tmp_path / "file" / "cache").folder(FACTS)


def _sealed(root: Path, name: str = "deep/denoise.blob") -> tuple[BuildCache, Path]:
    """A sealed build of one file."""
    cache = BuildCache(root)
    path = cache.folder(FACTS) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(range(256)) * 64)
    cache.seal(FACTS)
    return cache, path


def _flip(path: Path, at: int = 1000) -> None:
    """Turn one bit, in a file that is as old and as large as before."""
    content, stat = bytearray(path.read_bytes()), path.stat()
    content[at] ^= 4
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_what_is_on_the_disk_is_what_was_sealed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A build whose files are as they were is used without a word; with one bit turned it is not, which one line says."""
    cache, path = _sealed(tmp_path)
    assert cache.sealed(FACTS)
    assert not caplog.records
    _flip(path)
    assert not cache.sealed(FACTS)
    (line,) = caplog.messages
    assert line == f"the build in {cache.folder(FACTS)} is not what was sealed (deep/denoise.blob): it is built again"


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    """What lacks a file is not whole, and what has one more is."""
    cache, path = _sealed(tmp_path)
    (path.parent / "more").write_text("of somebody's")
    assert cache.sealed(FACTS)
    path.unlink()
    assert not cache.sealed(FACTS)


def test_built_again(tmp_path: Path) -> None:
    """What is built in the place of what had changed is sealed as it is then."""
    cache, path = _sealed(tmp_path)
    _flip(path)
    assert not cache.sealed(FACTS)
    cache.seal(FACTS)
    assert cache.sealed(FACTS)


def test_a_sidecar_of_an_earlier_version(tmp_path: Path) -> None:
    """A build that was sealed before there were digests is used as it is."""
    cache, _ = _sealed(tmp_path)
    (cache.folder(FACTS) / SIDECAR).write_text(json.dumps(FACTS))
    assert cache.sealed(FACTS)


def test_builds_are_listed_by_their_facts(tmp_path: Path) -> None:
    """Whoever lists builds sees what they are of, and no digests."""
    cache, _ = _sealed(tmp_path / "openvino")
    assert list_builds(tmp_path) == [{**FACTS, "folder": str(cache.folder(FACTS))}]


def test_what_a_library_keeps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Files of a library's are left as they are until one is not what was noted: then all go, which one line says."""
    for name in ("a.compiled", "deep/b.compiled", "c.plan"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(2000))
    kept = KeptFiles(tmp_path, "*.compiled")
    kept.drop_changed()
    kept.note()
    _flip(tmp_path / "c.plan")
    kept.drop_changed()
    assert not caplog.records
    _flip(tmp_path / "deep/b.compiled")
    kept.drop_changed()
    assert caplog.messages == [f"{tmp_path} is not what was kept there (deep/b.compiled): it is made again"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["c.plan"]
    kept.drop_changed()
    assert len(caplog.messages) == 1


def test_a_librarys_files_are_no_part_of_a_build(tmp_path: Path) -> None:
    """What a library writes beside a build when it runs does not make it another."""
    cache = BuildCache(tmp_path)
    folder = cache.folder(FACTS)
    (folder / "denoise.compiled").write_text("first")
    (folder / KEPT).write_text("{}")
    cache.seal(FACTS)
    (folder / "denoise.compiled").write_text("second")
    (folder / KEPT).unlink()
    assert cache.sealed(FACTS)


def test_a_full_disk(tmp_path: Path) -> None:
    """A sidecar that cannot be written is an error, and leaves nothing behind."""
    cache = BuildCache(tmp_path)
    folder = cache.folder(FACTS)
    temporary_for(folder / SIDECAR).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        cache.seal(FACTS)
    assert list(folder.iterdir()) == []
