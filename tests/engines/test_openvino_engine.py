"""OpenVINO: precision, the build cache, and what is said when it cannot start. The rest is in the engine suite."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.build_cache import SIDECAR, temporary_for
from engines.engine import Engine, Row
from engines.errors import EngineError
from engines.openvino_engine import OpenVinoEngine
from engines.options import OpenVinoOptions
from engines.student import Student

FP32 = OpenVinoOptions("fp32", threads=1)


def _still(engine: Engine) -> Any:
    (step,) = engine.student.contract.still()
    return engine.tick([Row(1, 0, step, True, engine.condition("a red heart"), 0)])[0].image


def test_the_cache(student: Student, tmp_path: Path) -> None:
    """A second start finds the first one's build and paints the same; its sidecar says what it was made of."""
    first = OpenVinoEngine(student, (1,), tmp_path, FP32)
    image = _still(first)
    (folder,) = tmp_path.iterdir()
    blobs = sorted(path.name for path in folder.iterdir())
    facts = json.loads((folder / SIDECAR).read_text())
    assert (facts["student"], facts["precision"], facts["batch_sizes"]) == ("embedded", "fp32", "1")
    first.close()
    second = OpenVinoEngine(student, (1,), tmp_path, FP32)
    np.testing.assert_array_equal(_still(second), image)
    assert sorted(path.name for path in folder.iterdir()) == blobs
    assert len(blobs) > 1


def test_flipped_bits(student: Student, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever file has changed on the disk is compiled again, which one line says, and no picture is a wrong one."""
    first = OpenVinoEngine(student, (1,), tmp_path, FP32)
    image = _still(first)
    first.close()
    (folder,) = tmp_path.iterdir()
    blobs = sorted(folder.glob("*.blob"))
    assert len(blobs) == 4
    for blob in blobs:
        content = bytearray(blob.read_bytes())
        for at in (len(content) // 3, len(content) // 2, len(content) - 9):
            content[at] ^= 16
        blob.write_bytes(content)
        caplog.clear()
        engine = OpenVinoEngine(student, (1,), tmp_path, FP32)
        np.testing.assert_array_equal(_still(engine), image)
        engine.close()
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert f"{blob} cannot be used (it is not what was sealed): embedded is compiled again" in caplog.text
    OpenVinoEngine(student, (1,), tmp_path, FP32).close()
    assert len(caplog.records) == 1


def test_a_blob_that_is_gone_or_torn(student: Student, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is missing, empty or cut off is no reason not to start."""
    OpenVinoEngine(student, (1,), tmp_path, FP32).close()
    (blob,) = tmp_path.glob("*/decode-1.blob")
    for change in (blob.unlink, lambda: blob.write_bytes(b""), lambda: blob.write_bytes(blob.read_bytes()[:100])):
        change()
        caplog.clear()
        engine = OpenVinoEngine(student, (1,), tmp_path, FP32)
        assert _still(engine).any()
        engine.close()
        assert len(caplog.records) == 1


def test_a_full_disk(student: Student, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be kept is said in one line, with the folder and what to do, at every start; the engine runs."""
    OpenVinoEngine(student, (1,), tmp_path, FP32).close()
    (folder,) = tmp_path.iterdir()
    (folder / SIDECAR).unlink()
    for blob in folder.glob("*.blob"):
        blob.unlink()
    for _ in range(2):
        temporary_for(folder / "denoise-1.blob").symlink_to("/dev/full")
        caplog.clear()
        engine = OpenVinoEngine(student, (1,), tmp_path, FP32)
        assert _still(engine).any()
        engine.close()
        (line,) = caplog.messages
        assert line.startswith(f"what was compiled for embedded cannot be kept in {folder} (No space left on device), so that ")
        assert line.endswith("free space there, or choose another folder with --cache")
        assert not (folder / SIDECAR).exists()


def test_a_mismatch(student: Student, tmp_path: Path) -> None:
    """A build of something else under the same key is refused with the field, and never used."""
    OpenVinoEngine(student, (1,), tmp_path, FP32).close()
    (folder,) = tmp_path.iterdir()
    facts = json.loads((folder / SIDECAR).read_text())
    (folder / SIDECAR).write_text(json.dumps({**facts, "graphs": "others"}))
    with pytest.raises(EngineError, match="built for graphs 'others'"):
        OpenVinoEngine(student, (1,), tmp_path, FP32)


def test_auto_precision(get_engine: Callable[[str], Engine]) -> None:
    """auto chooses bf16 where the processor has it, and fp32 is always fp32."""
    engine = get_engine("openvino")
    assert isinstance(engine, OpenVinoEngine)
    able = "BF16" in engine._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert engine._choose_precision("auto") == ("bf16" if able else "fp32")
    assert engine.precision == "fp32"


def test_graphs_missing(student: Student, tmp_path: Path) -> None:
    """Without its graphs a student says which files it lacks and what to do."""
    with pytest.raises(EngineError, match=r"lacks .*denoise\.onnx.*reinstall"):
        OpenVinoEngine(replace(student, graphs=tmp_path / "none"), (1,), tmp_path)


def test_no_place_for_the_cache(student: Student, tmp_path: Path) -> None:
    """Where no cache can be made it says which setting to change."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EngineError, match="--cache"):
        OpenVinoEngine(student, (1,), tmp_path / "file", FP32)


def test_sizes_of_pictures(get_engine: Callable[[str], Engine], picture: Any) -> None:
    """A tick of repaintings of all sizes of ticks gives each its own picture back at strength 0."""
    engine = get_engine("openvino")
    (step,) = engine.student.contract.repaint(0.0)
    nothing = engine.condition("")
    for count in (1, 2, 3, 4):
        painted = engine.tick([Row(i, 0, step, True, nothing, 0, picture(i)) for i in range(count)])
        for i, result in enumerate(painted):
            assert result.image is not None
            distances = [float(np.abs(result.image.astype(int) - picture(j)).mean()) for j in range(4)]
            assert int(np.argmin(distances)) == i


def test_other_names_of_a_port(student: Student, tmp_path: Path) -> None:
    """What a row tells reaches its port, whatever other names the runtime knows that port by."""
    engine = OpenVinoEngine(student, (1,), tmp_path, FP32)
    image, inputs = _still(engine), engine._denoise[1].inputs
    inputs.update({f"{name} by its name {k}": array for name, array in list(inputs.items()) for k in range(9)})
    assert np.array_equal(_still(engine), image)
    engine.close()
