"""Things and their drawings."""

import json
from pathlib import Path

import numpy as np
import pytest

from training.painter import things as module
from training.painter.things import MARGIN, SETS, SIDE, Drawings, Thing, draw_all, load, load_small

pytest.importorskip("resvg_py")

_CIRCLE = '<circle cx="8" cy="8" r="4" fill="#ff0000"/>'


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Two sets as they come from the registry: one says which character is which icon, one by names alone, and by an alias."""
    names = tmp_path / "node_modules" / "emojibase-data" / "en"
    names.mkdir(parents=True)
    entries = [{"label": "red apple", "hexcode": "1F34E"}, {"label": "T-Rex", "hexcode": "1F996"}]
    (names / "data.json").write_text(json.dumps(entries))
    for one in SETS:
        folder = tmp_path / "node_modules" / one.folder
        folder.mkdir(parents=True)
        icons = {"red-apple": {"body": _CIRCLE}} if one.package != "twemoji" else {}
        (folder / "icons.json").write_text(json.dumps({"icons": icons, "width": 16, "height": 16}))
    noto = tmp_path / "node_modules" / SETS[0].folder
    data = {"icons": {"dino": {"body": _CIRCLE}}, "aliases": {"old-dino": {"parent": "dino"}}, "width": 16, "height": 16}
    (noto / "icons.json").write_text(json.dumps(data))
    (noto / "chars.json").write_text(json.dumps({"1f996": "old-dino"}))
    return tmp_path


def test_drawings_are_found_by_character_or_name(packages: Path) -> None:
    """A set's own table of characters counts first, then the name; sets that lack a thing are left out."""
    drawings = Drawings(packages)
    assert len(drawings.of(Thing("apple", (), "red apple"))) == 2
    assert len(drawings.of(Thing("tyrannosaurus", (), "T-Rex"))) == 1
    with pytest.raises(KeyError):
        drawings.of(Thing("nothing", (), "no such label"))


def test_a_drawing_fills_its_frame(packages: Path) -> None:
    """A drawing is cut to what it shows and fills its frame but for a margin, transparent outside."""
    drawing = Drawings(packages).of(Thing("apple", (), "red apple"))[0]
    assert drawing.shape == (SIDE, SIDE, 4)
    shown = np.flatnonzero((drawing[..., 3] > 128).any(0))
    assert shown[0] == pytest.approx(MARGIN * SIDE, abs=2)
    assert shown[-1] == pytest.approx((1 - MARGIN) * SIDE, abs=2)
    assert tuple(drawing[SIDE // 2, SIDE // 2]) == (255, 0, 0, 255)
    assert not drawing[0, 0].any()


def test_all_things_are_drawn_or_named(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn is kept with its names; a thing without a drawing, and a file of another list, are named."""
    listed = (Thing("apple", (), "red apple"), Thing("tyrannosaurus", (), "T-Rex"))
    monkeypatch.setattr(module, "things", lambda: listed)
    assert draw_all(packages, packages / "things.npz") == 2
    drawn = load(packages / "things.npz")
    assert drawn.shape == (2, module.VARIANTS, 4, SIDE, SIDE)
    assert load_small(packages / "things.npz").shape == (2, module.VARIANTS, 4, 64, 64)
    monkeypatch.setattr(module, "things", lambda: (*listed, Thing("gryphon", (), "gryphon")))
    with pytest.raises(ValueError, match="gryphon"):
        draw_all(packages, packages / "other.npz")
    with pytest.raises(ValueError, match="another list"):
        load(packages / "things.npz")


def test_no_set_asks_to_share_alike() -> None:
    """Only sets whose licences let the drawings be shipped in anything, with a notice."""
    assert {one.licence for one in SETS} <= {"Apache-2.0", "MIT", "CC-BY-4.0"}
