"""The build cache: a key of everything that could make a build wrong, and a sidecar that says so in words."""

import json
from pathlib import Path

import pytest

from engines.build_cache import SIDECAR, BuildCache, key_of
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
    assert json.loads((folder / SIDECAR).read_text()) == FACTS
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
