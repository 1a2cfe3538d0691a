"""What a TensorRT build depends on, and which build a device finds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from engines.build_cache import SIDECAR, BuildCache, key_of
from engines.digests import Digests
from engines.errors import EngineError
from engines.graphs import graph_files
from engines.options import TensorRtOptions
from engines.student import Student
from engines.tensorrt.facts import facts_of, find_build, fitting_build, profile_sizes, remedy
from tests.engines.tensorrt.flavours import stand_in

FLAVOUR = stand_in("tensorrt_rtx", "1.7.1")
SIZES = (1, 2)
DIGESTS = Digests(Path("/nowhere"))


def test_every_choice_is_a_key(student: Student) -> None:
    """Another choice of anything that could make plans wrong is another build."""

    def key(of: Student = student, sizes: tuple[int, ...] = (1, 2), gpus: tuple[str, ...] = ("sm89",), **choice: Any) -> str:
        flavour = stand_in("tensorrt_rtx", choice.pop("version", "1.7.1"))
        return key_of(facts_of(of, sizes, TensorRtOptions(**choice), flavour, gpus, DIGESTS))

    others = {
        key(replace(student, name="other")), key(sizes=(1, 4)), key(gpus=("sm80",)), key(version="1.7.2"),
        key(precision="bf16"), key(stripped=True), key(level=5), key(workspace=1024), key(replace(student, width=512)),
    }  # fmt: skip
    assert len(others | {key()}) == 10
    assert key(sizes=(2, 1)) == key()
    assert key(precision="fp16") == key()


def test_profiles() -> None:
    """Ticks have a profile for each size, ascending; prompts are encoded one at a time."""
    assert profile_sizes("denoise", (4, 1)) == (1, 4)
    assert profile_sizes("text", (4, 1)) == (1,)


def test_a_structure_is_without_its_big_weights(student: Student, tmp_path: Path) -> None:
    """Stripped plans are those of another LoRA too, which changes big weights only; other plans are not."""
    assert student.graphs is not None

    def changed(weight: str) -> Student:
        folder = tmp_path / weight
        folder.mkdir()
        for name, path in graph_files(student).items():
            model = onnx.load(path)
            for tensor in model.graph.initializer:
                if tensor.name == weight:
                    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float16(1), weight))
            onnx.save(model, folder / f"{name}.onnx")
        return replace(student, graphs=folder)

    def graphs(of: Student, stripped: bool) -> str:
        return facts_of(of, (1,), TensorRtOptions(stripped=stripped), FLAVOUR, ("sm89",), DIGESTS)["graphs"]

    big, small = changed("denoiser.leave.weight"), changed("denoiser.norm.weight")
    assert graphs(big, True) == graphs(student, True)
    assert graphs(big, False) != graphs(student, False)
    assert graphs(small, True) != graphs(student, True)


def seal(of: Student, root: Path, gpus: tuple[str, ...] = ("sm80", "sm89"), **other: str) -> Path:
    """A build's folder and sidecar, without plans."""
    facts = {**facts_of(of, SIZES, TensorRtOptions(), FLAVOUR, gpus, DIGESTS), **other}
    folder = BuildCache(root).folder(facts)
    BuildCache(root).seal(facts)
    return folder


def found(student: Student, root: Path, gpu: str = "sm89", sizes: tuple[int, ...] = SIZES) -> Path | None:
    return find_build((root,), facts_of(student, sizes, TensorRtOptions(), FLAVOUR, (gpu,), DIGESTS), gpu)


def test_finding(student: Student, tmp_path: Path) -> None:
    """A device finds the build that covers it among those of other devices, students and sizes."""
    seal(student, tmp_path, ("sm75",))
    seal(student, tmp_path, ("sm120",), student="other")
    mine = seal(student, tmp_path)
    portable = seal(student, tmp_path, ("ampere+",), batch_sizes="8")
    assert found(student, tmp_path) == mine
    assert found(student, tmp_path, "sm90", (8,)) == portable
    with pytest.raises(EngineError, match=r"was built for gpu 'sm120', not 'sm90'"):
        found(replace(student, name="other"), tmp_path, "sm90")


@pytest.mark.parametrize("field", ["graphs", "size", "batch_sizes", "precision", "backend", "weights", "options", "plugins"])
def test_a_mismatch_names_its_field(field: str, student: Student, tmp_path: Path) -> None:
    """Where nothing fits, the nearest build is named with the field that is off, and the command that makes one."""
    seal(student, tmp_path, ("sm75",), **{field: "else"})
    near = seal(student, tmp_path, **{field: "else"})
    with pytest.raises(EngineError, match=rf"{near.name}, was built for {field} 'else', not '.*': allaprima build embedded"):
        found(student, tmp_path)


def test_two_mismatches(student: Student, tmp_path: Path) -> None:
    """Every field that is off is named, the device among them."""
    seal(student, tmp_path, backend="tensorrt 10.9")
    with pytest.raises(
        EngineError,
        match=r"backend 'tensorrt 10.9', not 'tensorrt_rtx 1.7.1' and gpu 'sm80,sm89', not 'sm120': "
        r"allaprima build embedded --engine tensorrt_rtx --gpu sm120 --size 256x256 --batch-sizes 1,2 --precision fp16 \(with ",
    ):
        found(student, tmp_path, "sm120")


@pytest.mark.parametrize(
    ("choice", "flags"),
    [
        ({}, "--precision fp16"),
        ({"precision": "bf16", "level": 0}, "--precision bf16 --level 0"),
        ({"workspace": 2048, "stripped": True}, "--precision fp16 --workspace 2048 --stripped"),
    ],
)
def test_the_command_makes_what_fits(choice: dict[str, Any], flags: str, student: Student, tmp_path: Path) -> None:
    """The command that an error names asks `allaprima build` for just the facts that were wanted."""
    wanted = facts_of(student, SIZES, TensorRtOptions(**choice), FLAVOUR, ("sm89",), DIGESTS)
    command, _, rest = remedy(wanted, "sm89").partition(" (")
    assert command == f"allaprima build embedded --engine tensorrt_rtx --gpu sm89 --size 256x256 --batch-sizes 1,2 {flags}"
    assert rest.startswith("with --cache, --students, --weights, --lora and --full-vae as they are here")


def test_what_auto_chose_is_left_to_auto(student: Student, tmp_path: Path) -> None:
    """Where graphs are of several precisions, which is only chosen by auto, the command names none."""
    painter = replace(student, architecture="sdxl")
    assert "--precision" not in remedy(facts_of(painter, SIZES, TensorRtOptions(), FLAVOUR, ("sm89",), DIGESTS), "sm89")


def test_finding_in_two_places(student: Student, tmp_path: Path) -> None:
    """What came with the machine is found beside what was built on it; the first place comes first."""
    came = seal(student, tmp_path / "came")
    facts = facts_of(student, SIZES, TensorRtOptions(), FLAVOUR, ("sm89",), DIGESTS)
    places = (tmp_path / "own", tmp_path / "came")
    assert find_build(places, facts, "sm89") == came
    assert find_build(places, facts, "sm89") != seal(student, tmp_path / "own")
    assert find_build(places, facts, "sm89") == tmp_path / "own" / came.name
    with pytest.raises(EngineError, match=r"the nearest, in .*own"):
        find_build(places, facts, "sm75")


@pytest.mark.parametrize("torn", ["{", "[1]", ""])
def test_nothing_built(torn: str, student: Student, tmp_path: Path) -> None:
    """Nothing is found where nothing was built, or a sidecar is torn, or a build is not whole."""
    BuildCache(tmp_path).folder(facts_of(student, SIZES, TensorRtOptions(), FLAVOUR, ("sm86", "sm89"), DIGESTS))
    (seal(student, tmp_path) / SIDECAR).write_text(torn)
    assert found(student, tmp_path) is None
    assert found(student, tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("choice", "said"), [({"precision": "int8"}, "auto, fp16, bf16, fp32, not 'int8'"), ({"level": 6}, "0 to 5")]
)
def test_options_that_are_none(choice: dict[str, Any], said: str) -> None:
    """An option that does not exist is refused with those that do."""
    with pytest.raises(EngineError, match=said):
        TensorRtOptions(**choice)


def test_a_plan_that_changed_on_the_disk(student: Student, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A build whose plans are not what was sealed is none, which one line says: not for a device, and not for a builder."""
    folder = seal(student, tmp_path)
    (folder / "denoise.plan").write_bytes(bytes(5000))
    assert seal(student, tmp_path) == folder
    assert found(student, tmp_path) == folder
    (folder / "denoise.plan").write_bytes(bytes(4999) + b"\1")
    assert found(student, tmp_path) is None
    assert caplog.messages == [f"the build in {folder} is not what was sealed (denoise.plan): it is built again"]
    wanted = facts_of(student, SIZES, TensorRtOptions(), FLAVOUR, ("sm80", "sm89"), DIGESTS)
    assert fitting_build(tmp_path, wanted, ("sm80", "sm89")) is None
