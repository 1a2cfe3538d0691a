"""Students that translate pictures: whole pictures as their authors paint them, and files that are none."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.choices import Choices
from engines.engine import Engine, Row
from engines.errors import EngineError
from engines.families.stable_diffusion.build import shapes_of
from engines.families.stable_diffusion.graphs import modules_around
from engines.families.stable_diffusion.load import load_parts
from engines.families.stable_diffusion.locate import locate
from engines.families.stable_diffusion.skips import codec_around
from engines.families.stable_diffusion.tokenizer import write_tokenizer
from engines.families.stable_diffusion.variants import SD21
from engines.gpu.engine import GpuEngine
from engines.noise import noise
from engines.openvino_engine import OpenVinoEngine
from engines.options import OpenVinoOptions, TorchOptions
from engines.prepare import prepare
from engines.pytorch.reference import TorchEngine
from engines.student import Student
from engines.students import load_student
from engines.students.files import STUDENTS
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.toy import tokens_of
from tests.engines.pytorch.onhost import DeferredNetworks

from . import published
from .authors_translators import RANK_VAE, Authors, paired, unpaired

SIDE, SEED, PROMPT = 64, 11, "a Red, red fox"
GREY_LEVELS = 1
EDGES, SKETCH, NIGHT, DAY = "pix2pix-turbo-edges", "pix2pix-turbo-sketch", "cyclegan-turbo-night", "cyclegan-turbo-day"
R = {SKETCH: 0.4}
"""How much the picture counts in the authors' stochastic mode."""
DIRECTIONS = {NIGHT: "a2b", DAY: "b2a"}
Pixels = NDArray[np.uint8]


@dataclass
class Mirror:
    """A mirror of the hub with the base, students' files, and their weights beside them; and what the authors have."""

    root: Path
    students: Path
    authors: dict[str, Authors]
    files: dict[str, dict[str, Any]]

    def student(self, name: str) -> Student:
        return load_student(name, (self.students,))


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    made = Mirror(tmp_path_factory.mktemp("hub"), tmp_path_factory.mktemp("students"), {}, {})
    base = published.write_pipeline(made.root / "stabilityai/sd-turbo", "sd21", seed=3)
    made.authors[EDGES], made.files[EDGES] = paired(base, 5)
    made.authors[SKETCH], made.files[SKETCH] = paired(base, 6, stochastic=True)
    made.authors[NIGHT], made.files[NIGHT] = unpaired(base, 7)
    made.authors[DAY], made.files[DAY] = made.authors[NIGHT], made.files[NIGHT]
    for name, held in made.files.items():
        shutil.copy(STUDENTS / f"{name}.toml", made.students)
        file = made.student(name).weights.translator.source.file
        (made.students / "img2img-turbo").mkdir(exist_ok=True)
        torch.save(held, made.students / "img2img-turbo" / file)
    return made


@pytest.fixture(scope="module")
def ready(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Student:
    """The student of the most parts, built: adapters, skip connections, a first layer beside the base's, and noise."""
    choices = Choices(width=SIDE, height=SIDE, weights=mirror.root)
    return prepare(mirror.student(SKETCH), tmp_path_factory.mktemp("cache"), choices, lambda said: None)


@pytest.fixture(scope="module")
def engines(ready: Student, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Engine]]:
    """Of that student by each library, the last as a GPU has it, on a double of the device."""
    double = CudaDouble()
    networks = DeferredNetworks(double, ready, TorchOptions("fp32", compile=False))
    made: list[Engine] = [
        OpenVinoEngine(ready, (3,), tmp_path_factory.mktemp("compiled"), OpenVinoOptions("fp32", threads=1)),
        TorchEngine(ready, (3,)),
        GpuEngine(ready, (3,), networks, double, tokens_of(ready)),
    ]
    yield made
    for engine in made:
        engine.close()


def _loaded(mirror: Mirror, name: str, folder: Path) -> Engine:
    """A student's networks, of which no graphs are made."""
    student = mirror.student(name)
    parts = load_parts(locate(student.weights, mirror.root), SD21, lambda said: None)
    shapes = shapes_of(parts, SD21, replace(student, width=SIDE, height=SIDE, latent_shape=(4, SIDE // 8, SIDE // 8)), 77)
    write_tokenizer(parts.tokenizers[0], folder / "tokenizer.json", parts.encoders[0].config)
    sized = replace(
        student, width=SIDE, height=SIDE, text_shape=shapes.text, latent_shape=shapes.latents, skips=shapes.skips, graphs=folder
    )
    codec = codec_around(parts.vae, parts.unit)
    return TorchEngine(sized, (1,), modules=modules_around(parts.unet, parts.vae, parts.encoders, SIDE, SIDE, (), codec))


def _row(engine: Engine, image: Pixels | None, job: int = 1, seed: int = SEED) -> Row:
    [step] = engine.student.any_job()
    return Row(job, 0, step, True, engine.condition(PROMPT), seed, image)


def _off(ours: Pixels, theirs: Pixels) -> int:
    assert theirs.std() > 10
    return int(abs(ours.astype(int) - theirs).max())


def _theirs(mirror: Mirror, name: str, image: Pixels) -> Pixels:
    z = torch.from_numpy(noise(SEED, 0, (1, 4, SIDE // 8, SIDE // 8)))
    return mirror.authors[name].paint(image, PROMPT, DIRECTIONS.get(name, ""), R.get(name), z)


@pytest.mark.parametrize("name", [EDGES, SKETCH, NIGHT, DAY])
def test_as_the_authors_paint(mirror: Mirror, picture: Any, tmp_path: Path, name: str) -> None:
    """A picture is what the authors' formula makes of it, with their adapters and skip connections."""
    image = picture(5, SIDE, SIDE)
    engine = _loaded(mirror, name, tmp_path)
    [painted] = engine.tick([_row(engine, image)])
    assert painted.error is None
    assert _off(painted.image, _theirs(mirror, name, image)) <= GREY_LEVELS


def test_on_every_engine(mirror: Mirror, ready: Student, engines: list[Engine], picture: Any) -> None:
    """So it is when graphs have been made of it and read back, with what the encoder hands to the decoder: each of several rows
    is decoded with what its own picture left, beside one that has none and is told so; and each seed paints another."""
    assert ready.skips == ((16, 8, 8), (8, 16, 16), (8, 32, 32), (8, 64, 64))
    one, other = (picture(seed, SIDE, SIDE) for seed in (5, 6))
    theirs = [_theirs(mirror, SKETCH, image) for image in (one, other)]
    assert _off(*theirs) > 10
    for engine in engines:
        first, without, second = engine.tick([_row(engine, one), _row(engine, None, 2), _row(engine, other, 3)])
        assert "the row lacks its image" in without.error
        for got, expected in zip((first, second), theirs, strict=True):
            assert _off(got.image, expected) <= GREY_LEVELS
        [another] = engine.tick([_row(engine, one, 4, SEED + 1)])
        assert (another.image != first.image).any()


# files ----------------------------------------------------------------------------------------------------------------


def _damaged(held: dict[str, Any], table: str, without: str = "", **weights: Any) -> dict[str, Any]:
    """A file with some of a table's weights left out, and others in their places."""
    state = {name: one for name, one in held[table].items() if not (without and without in name)}
    return {**held, table: {**state, **weights}}


def _rank_3(held: dict[str, Any]) -> dict[str, Any]:
    state = held["state_dict_unet"]
    name = next(name for name in state if ".lora_A." in name)
    halves = {name: state[name][:3], name.replace("lora_A", "lora_B"): state[name.replace("lora_A", "lora_B")][:, :3]}
    return _damaged(held, "state_dict_unet", **halves)


@pytest.mark.parametrize(
    ("name", "damage", "why"),
    [
        (EDGES, lambda held: {"weights": 1}, "is no translator in the layout of img2img-turbo"),
        (EDGES, lambda held: torch.ones(3), "is no translator in the layout of img2img-turbo"),
        (EDGES, lambda held: {key: held[key] for key in held if key != "rank_vae"}, "lacks rank_vae: it is damaged"),
        (NIGHT, lambda held: {key: held[key] for key in held if key != "sd_other"}, "lacks sd_other: it is damaged"),
        (EDGES, lambda held: {**held, "rank_unet": "8"}, "says '8' for rank_unet, which is no rank"),
        (EDGES, lambda held: {**held, "rank_vae": 7}, f"says that rank_vae is 7, and .* is of rank {RANK_VAE}, and"),
        (EDGES, _rank_3, "says that rank_unet is 6, and .* is of rank 3: it is damaged"),
        (SKETCH, lambda held: _damaged(held, "state_dict_unet", "conv_in_curr.bias"), "lacks a half of conv_in.bias"),
        (EDGES, lambda held: {**held, "state_dict_vae": {}}, "holds no tensors in state_dict_vae"),
        (EDGES, lambda held: _damaged(held, "state_dict_vae", "skip_conv_3.base"), r"lacks a weight \(decoder.skip_conv_3"),
        (EDGES, lambda held: _damaged(held, "state_dict_unet", "conv1.lora_B"), "lacks a half of down_blocks.0"),
        (NIGHT, lambda held: _damaged(held, "sd_vae_dec", "vae.encoder.conv_out"), "lacks 2 weights .encoder.conv_out.bias"),
    ],
)  # fmt: skip
def test_damaged_files(mirror: Mirror, tmp_path: Path, name: str, damage: Any, why: str) -> None:
    """What a file lacks, or says wrongly, is named with the file, before or instead of a build."""
    path = tmp_path / "changed.pkl"
    torch.save(damage(mirror.files[name]), path)
    weights = mirror.student(name).weights
    student = replace(
        mirror.student(name),
        weights=replace(weights, translator=replace(weights.translator, source=replace(weights.translator.source, path=tmp_path,
                                                                                      file=path.name))),
    )  # fmt: skip
    with pytest.raises(EngineError, match=why):
        prepare(student, tmp_path / "cache", Choices(weights=mirror.root), lambda said: None)


def test_another_base(mirror: Mirror, tmp_path: Path) -> None:
    """A translator that was made for another base is refused with the layer that does not fit."""
    published.write_pipeline(tmp_path / "base", "sd21", layers=2)
    torch.save(mirror.files[EDGES], tmp_path / "base" / "edge_to_image_loras.pkl")
    with pytest.raises(
        EngineError, match=r"its UNet.* was made for another base: up_blocks.0.resnets.1.conv1.weight is \(32, 64"
    ):
        prepare(mirror.student(EDGES), tmp_path / "cache", Choices(weights=tmp_path / "base"), lambda said: None)


def test_code_is_not_run(mirror: Mirror, tmp_path: Path) -> None:
    """A file that would run code where it is read is refused."""
    torch.save({**mirror.files[EDGES], "more": Path("/")}, tmp_path / "file.pkl")
    with pytest.raises(EngineError, match="holds Python objects besides its weights"):
        prepare(mirror.student(EDGES), tmp_path / "cache", Choices(weights=tmp_path / "file.pkl"), lambda said: None)


def test_where_they_are(mirror: Mirror, tmp_path: Path) -> None:
    """Without its file a student says where to put it; a direction is said of files that have two, and of no others."""
    with pytest.raises(
        EngineError, match=r"there is no file .*img2img-turbo/day2night.pkl: put the weights there, or .*--weights"
    ):
        prepare(load_student(NIGHT), tmp_path, Choices(), lambda said: None)
    folder = mirror.students / "img2img-turbo"
    for name, file, why in ((EDGES, "day2night.pkl", "goes two ways: say direction = 'a2b' or 'b2a'"),
                            (NIGHT, "edge_to_image_loras.pkl", "goes one way: leave direction out")):  # fmt: skip
        with pytest.raises(EngineError, match=why):
            prepare(mirror.student(name), tmp_path, Choices(weights=folder / file), lambda said: None)
