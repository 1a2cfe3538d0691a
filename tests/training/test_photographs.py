import io
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from training.photographs import FETCHED, MATERIAL, PHOTOGRAPHS, Photograph, load, square, unpack


def test_what_is_held_out_is_not_trained_on() -> None:
    training, measuring = load(held_out=False), load(held_out=True)
    assert {"astronaut", "chelsea", "coffee", "rocket"} <= set(measuring)
    assert not set(training) & set(measuring)
    assert not {photograph.name for photograph in PHOTOGRAPHS if photograph.held_out} & set(training)


def test_every_source_says_its_licence() -> None:
    assert all(photograph.source.licence for photograph in PHOTOGRAPHS)
    assert all(source.version and source.client in ("pip", "npm") for source in FETCHED)


def test_people_can_be_had_alone() -> None:
    assert "astronaut" in load(held_out=True, people=True)
    assert "astronaut" not in load(held_out=True, people=False)


def test_packages_that_were_not_fetched_are_left_out(tmp_path: Path) -> None:
    assert "kendall" not in load(held_out=True, folder=tmp_path)


def test_a_square_of_a_tall_photograph_keeps_its_top() -> None:
    tall = Image.new("RGB", (100, 200), "blue")
    tall.paste("red", (0, 0, 100, 60))
    small = square(tall, 50)
    assert small.size == (50, 50)
    assert small.getpixel((25, 10)) == (255, 0, 0)


def test_only_the_photographs_are_taken_from_a_package(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    archive = tmp_path / "kit.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        for name, data in ((f"{MATERIAL.root}/faces/a.png", picture.getvalue()), ("package/index.js", b"evil")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    unpack(archive, MATERIAL, [Photograph("faces/a.png", MATERIAL)], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["a.png"]


def test_a_photograph_that_its_package_lacks_is_named(tmp_path: Path) -> None:
    archive = tmp_path / "kit.tgz"
    tarfile.open(archive, "w:gz").close()
    with pytest.raises(KeyError, match=r"faces/a\.png"):
        unpack(archive, MATERIAL, [Photograph("faces/a.png", MATERIAL)], tmp_path)
