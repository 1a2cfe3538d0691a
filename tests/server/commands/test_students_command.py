"""allaprima students: the list for people, and the numbers for programs."""

import json
from pathlib import Path

import pytest

from engines.students import student_names
from server.command_line import main
from tests.student_files import write_student

STEP = {"t", "a_img", "a_z", "A", "B", "alpha_next", "sigma_next", "keep_img", "keep_z"}


def test_the_table_names_every_student(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Each student has a line with its architecture, steps, img2img and licence."""
    assert main(["students", "--cache", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == student_names()
    turbo = next(line for line in lines if line.startswith("sd-turbo "))
    assert all(word in turbo for word in ("Stable Diffusion 2.1", "512x512", "any strength", "ommercial"))
    assert "strength 0.25, 0.5, 0.75, 1" in next(line for line in lines if line.startswith("dmd2-sdxl-4step "))


def test_json_has_the_seven_numbers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """As JSON each student has its name, and under txt2img the seven numbers of each step, and what a mask keeps; null, where
    it makes nothing of a prompt alone."""
    assert main(["students", "--json", "--cache", str(tmp_path)]) == 0
    listed = {student["name"]: student for student in json.loads(capsys.readouterr().out)}
    assert sorted(listed) == student_names()
    assert all(set(step) == STEP for student in listed.values() for step in student["txt2img"] or ())
    assert listed["pix2pix-turbo-edges"]["txt2img"] is None
    (step,) = listed["instaflow-0.9b"]["txt2img"]
    seven = {"t": 1000.0, "a_img": 0.0, "a_z": 1.0, "A": 1.0, "B": 1.0, "alpha_next": 0.0, "sigma_next": 0.0}
    assert step == seven | {"keep_img": 1.0, "keep_z": 0.0}
    assert [step["t"] for step in listed["dmd2-sdxl-4step"]["txt2img"]] == [999, 749, 499, 249]
    assert listed["instaflow-0.9b"]["img2img"] is None


def test_json_has_upscalers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A student's upscaler is told as its file states it, and of those that have none that there is none."""
    table = '[upscale]\nname = "x2"\nkind = "network"\nlicence = "MIT"\nweights = { path = ".", file = "x2.onnx" }'
    write_student(tmp_path, "larger", more=table)
    assert main(["students", "--json", "--cache", str(tmp_path), "--students", str(tmp_path)]) == 0
    listed = {student["name"]: student["upscaler"] for student in json.loads(capsys.readouterr().out)}
    assert listed["painter"] is None
    told = listed["larger"]
    assert (told["name"], told["kind"], told["licence"], told["tile"]) == ("x2", "network", "MIT", 768)
    assert told["weights"] == {"file": str(tmp_path / "x2.onnx"), "base": None}


def test_builds_are_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What is compiled stands under its student; other things in the cache do no harm."""
    folder = tmp_path / "openvino" / "key"
    folder.mkdir(parents=True)
    facts = {"student": "sd-turbo", "backend": "openvino 2026.4", "size": "64x64", "batch_sizes": "1,2", "precision": "bf16"}
    (folder / "built.json").write_text(json.dumps(facts))
    (tmp_path / "openvino" / "other").mkdir()
    (tmp_path / "openvino" / "other" / "built.json").write_text("not json")
    assert main(["students", "--cache", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    turbo = next(i for i, line in enumerate(lines) if line.startswith("sd-turbo "))
    assert lines[turbo + 1].strip() == "built: openvino 64x64 ticks of 1,2 bf16"


@pytest.mark.parametrize(
    ("precision", "shown"),
    [("text=fp16,decode=fp16", "fp16"), ("text=fp16,decode=bf16", "text=fp16,decode=bf16"), ("bf16", "bf16")],
)
def test_builds_for_gpus(capsys: pytest.CaptureFixture[str], tmp_path: Path, precision: str, shown: str) -> None:
    """A build for GPUs is listed with those; its precision is one word where its graphs have one."""
    folder = tmp_path / "tensorrt" / "key"
    folder.mkdir(parents=True)
    facts = {"student": "sd-turbo", "backend": "tensorrt 10.9", "size": "64x64", "batch_sizes": "1", "gpu": "sm80,sm89"}
    (folder / "built.json").write_text(json.dumps({**facts, "precision": precision}))
    assert main(["students", "--cache", str(tmp_path)]) == 0
    assert f"    built: tensorrt 64x64 ticks of 1 {shown} for sm80, sm89\n" in capsys.readouterr().out


def test_a_file_that_is_wrong_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A student's file that cannot be read is named, with what is wrong, and there is no traceback."""
    (tmp_path / "mine.toml").write_text('name = "mine"\n')
    assert main(["students", "--students", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "mine" in said
    assert "lacks" in said
    (tmp_path / "mine.toml").write_text("name = \n")
    assert main(["students", "--students", str(tmp_path)]) == 2
    assert "mine.toml" in capsys.readouterr().err
