"""Photographs to train on and to measure with: where each comes from, under what licence, and which are never trained on.

None of them is kept in this repository. Some are in packages that the training needs anyway; those of people are in published
packages that `python -m training.photographs` fetches by the ordinary clients (pip, npm) and unpacks into a folder of its own.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image


@dataclass(frozen=True)
class Source:
    """A package that holds photographs, the client that fetches it (None: it is installed), and its licence."""

    package: str
    version: str
    client: str | None
    licence: str
    root: str = ""


SCIKIT_IMAGE = Source("scikit-image", "", None, "public domain or CC0, as its documentation says of each")
SCIKIT_LEARN = Source("scikit-learn", "", None, "CC BY 2.0: China by A. Jarvis, flower by K. Fan")
MATPLOTLIB = Source("matplotlib", "", None, "public domain (United States Navy)")
PORTRAITS = Source(
    package="face_recognition",
    version="1.3.0",
    client="pip",
    licence="public domain (portraits by the White House)",
    root="face_recognition-1.3.0/tests/test_images",
)
AGENCY = Source("startbootstrap-agency", "7.0.12", "npm", "MIT, as the package", "package/dist/assets/img")
LANDING = Source("startbootstrap-landing-page", "6.0.6", "npm", "MIT, as the package", "package/dist/assets/img")
MATERIAL = Source("material-kit", "2.0.4", "npm", "MIT, as the package", "package/assets/img")

FETCHED = (PORTRAITS, AGENCY, LANDING, MATERIAL)


@dataclass(frozen=True)
class Photograph:
    """One photograph: its file within its source, whether it shows people, and whether it is kept from all training."""

    file: str
    source: Source
    people: bool = False
    held_out: bool = False

    @property
    def name(self) -> str:
        return Path(self.file).stem


def _of(source: Source, *files: str, people: bool = False, held_out: bool = False) -> tuple[Photograph, ...]:
    return tuple(Photograph(file, source, people, held_out) for file in files)


PHOTOGRAPHS = (
    *_of(SCIKIT_IMAGE, "astronaut.png", people=True, held_out=True),
    *_of(SCIKIT_IMAGE, "chelsea.png", "coffee.png", "rocket.jpg", held_out=True),
    *_of(SCIKIT_IMAGE, "camera.png", people=True),
    *_of(SCIKIT_IMAGE, "brick.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png"),
    *_of(SCIKIT_IMAGE, "retina.jpg", "motorcycle_left.png", "motorcycle_right.png"),
    *_of(SCIKIT_LEARN, "china.jpg", "flower.jpg"),
    *_of(MATPLOTLIB, "grace_hopper.jpg", people=True),
    *_of(PORTRAITS, "obama.jpg", "obama2.jpg", "obama3.jpg", people=True, held_out=True),
    *_of(PORTRAITS, "biden.jpg", people=True),
    *_of(AGENCY, "team/1.jpg", people=True, held_out=True),
    *_of(AGENCY, "team/2.jpg", "team/3.jpg", people=True),
    *_of(LANDING, "testimonials-1.jpg", people=True, held_out=True),
    *_of(LANDING, "testimonials-3.jpg", people=True),
    *_of(LANDING, "bg-masthead.jpg", "bg-showcase-1.jpg", "bg-showcase-3.jpg"),
    *_of(MATERIAL, "examples/mariya-georgieva.jpg", "faces/kendall.jpg", people=True, held_out=True),
    *_of(MATERIAL, "faces/avatar.jpg", "faces/camp.jpg", "faces/christian.jpg", "faces/marc.jpg", people=True),
    *_of(MATERIAL, *(f"faces/card-profile{i}-square.jpg" for i in (1, 2, 4, 5, 6)), people=True),
    *_of(MATERIAL, "examples/clem-onojegaw.jpg", "examples/studio-1.jpg", "examples/studio-2.jpg", people=True),
    *_of(MATERIAL, "examples/studio-3.jpg", "examples/studio-5.jpg", people=True),
    *_of(MATERIAL, "examples/clem-onojeghuo.jpg", "examples/cynthia-del-rio.jpg", "examples/olu-eletu.jpg"),
    *_of(MATERIAL, "examples/studio-4.jpg", "bg3.jpg", "bg7.jpg", "city.jpg"),
)
"""Every photograph that is known, those of one person all on one side."""


def default_folder() -> Path:
    """Where fetched photographs lie unless another folder is named."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "allaprima" / "photographs"


def _path(photograph: Photograph, folder: Path) -> Path:
    source = photograph.source
    if source is SCIKIT_IMAGE:
        import skimage

        return Path(skimage.__file__).parent / "data" / photograph.file
    if source is SCIKIT_LEARN:
        import sklearn

        return Path(sklearn.__file__).parent / "datasets" / "images" / photograph.file
    if source is MATPLOTLIB:
        import matplotlib

        return Path(matplotlib.get_data_path()) / "sample_data" / photograph.file
    return folder / source.package / photograph.file


def load(*, held_out: bool, people: bool | None = None, folder: Path | None = None) -> dict[str, Image.Image]:
    """The photographs for measuring (`held_out`) or for training, by name, RGB; those with people, without, or both.

    Photographs of packages that were not fetched are left out.
    """
    found: dict[str, Image.Image] = {}
    for photograph in PHOTOGRAPHS:
        if photograph.held_out != held_out or people not in (None, photograph.people):
            continue
        path = _path(photograph, folder or default_folder())
        if path.exists():
            with Image.open(path) as image:
                name = photograph.name if not photograph.name.isdigit() else f"{photograph.source.package}-{photograph.name}"
                found[name] = image.convert("RGB")
    return found


def square(image: Image.Image, pixels: int) -> Image.Image:
    """The largest square of a photograph, of a tall one that near its top, where faces are."""
    side = min(image.size)
    left, top = (image.width - side) // 2, min((image.height - side) // 2, image.height // 20)
    box = (left, top, left + side, top + side)
    return image.resize((pixels, pixels), Image.Resampling.LANCZOS, box=box)


def _download(source: Source, folder: Path) -> Path:
    """Fetch a package's archive with its registry's client; raises CalledProcessError or FileNotFoundError where that cannot
    be.
    """
    name = f"{source.package}@{source.version}" if source.client == "npm" else f"{source.package}=={source.version}"
    if source.client == "npm":
        command = ["npm", "pack", name, "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    else:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        command = [*pip, "--dest", str(folder), name]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(path for path in folder.iterdir() if path.name.endswith(("tgz", "tar.gz")))


def unpack(archive: Path, source: Source, photographs: Iterable[Photograph], folder: Path) -> None:
    """Copy a source's photographs out of its archive, and nothing else."""
    with tarfile.open(archive) as packed:
        for photograph in photographs:
            member = packed.extractfile(f"{source.root}/{photograph.file}")
            if member is None:
                raise ValueError(f"{source.package} {source.version} has no {photograph.file}")
            target = folder / source.package / photograph.file
            target.parent.mkdir(parents=True, exist_ok=True)
            with member, target.open("wb") as out:
                shutil.copyfileobj(member, out)


def fetch(folder: Path | None = None) -> None:
    """Fetch the packages of photographs that are not there yet."""
    folder = folder or default_folder()
    for source in FETCHED:
        wanted = [photograph for photograph in PHOTOGRAPHS if photograph.source is source]
        if all(_path(photograph, folder).exists() for photograph in wanted):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            unpack(_download(source, Path(scratch)), source, wanted, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetch the photographs of people that the training and its measures use.")
    parser.add_argument("--folder", type=Path, default=default_folder())
    folder: Path = parser.parse_args().folder
    fetch(folder)
    for held_out in (False, True):
        print("kept for measuring:" if held_out else "for training:", ", ".join(load(held_out=held_out, folder=folder)))


if __name__ == "__main__":
    main()
