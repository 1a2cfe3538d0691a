"""The whole script, as it is run on a machine with a GPU, on small networks and a processor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu.__main__ import main

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run's folder and what it printed."""
    out = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--device", "cpu", "--seconds", "0.02", "--batches", "1,2"]
    command += ["--out", str(out), "--folder", str(out / "engines"), "--deadline", "3000", "--shapes", "sd15-64", "--profile"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return out, done.stdout


def test_every_row(results: tuple[Path, str]) -> None:
    """Everyone who can run here is measured at every size, and nothing fails."""
    records = [json.loads(line) for line in (results[0] / "results.jsonl").read_text().splitlines()]
    assert not [record for record in records if record["kind"] in ("error", "skipped")]
    rows = {(row["engine"], f"{row['family']}-{row['pixels']}", row["batch"]) for row in records if row["kind"] == "row"}
    shapes = ("sd15-64",)
    wanted = {(engine, shape, batch) for engine in ("torch", "diffusers", "fake") for shape in shapes for batch in (1, 2)}
    assert rows == wanted | {("streamdiffusion", "sd15-64", batch) for batch in (1, 2)}
    assert {record["what"] for record in records if record["kind"] == "absent"} == {"standin", "tensorrt"}
    order = [record["engine"] for record in records if record["kind"] == "row"]
    assert order.index("streamdiffusion") < order.index("diffusers") < order.index("torch")
    assert records[2]["kind"] == "machine"  # after those who are absent, and before all rows
    assert {record["networks"] for record in records if record["kind"] == "flops"} == set(shapes)
    assert {scene["scene"] for scene in records if scene["kind"] == "scene"} == {"still", "moving"}


def test_what_it_leaves(results: tuple[Path, str]) -> None:
    """The table, the targets and the pictures are made at the end, and few files lie in the folder."""
    out, said = results
    table = (out / "table.txt").read_text()
    assert said.endswith("".join(f"{out / name}\n" for name in ("sd15-64.png",)))
    assert "\none stream at least 3 times StreamDiffusion: not measured (of small networks" in table
    files = sorted(path.name for path in out.iterdir() if path.is_file())
    assert files == ["profile.txt", "results.jsonl", "sd15-64.png", "table.txt"]
    assert (out / "profile.txt").read_text().startswith("torch, sd15-64, a tick of 1: ")  # the scenes go with the first batches


def test_a_report_of_what_was_measured(results: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run that was cut off the same table is made afterwards from its records."""
    assert main(["--report", str(results[0] / "results.jsonl"), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "table.txt").read_text() == (results[0] / "table.txt").read_text()
    assert "sd15-64.png" in capsys.readouterr().out


def test_nothing_was_measured(tmp_path: Path) -> None:
    """A report of nothing is no success."""
    (tmp_path / "results.jsonl").write_text(json.dumps({"kind": "machine", "device": "x", "tiny": False}) + "\n")
    assert main(["--report", str(tmp_path / "results.jsonl"), "--out", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--only", "scenes"), "name one with them"),
        (("--only", "tensorflow,scenes"), "there is no tensorflow; there are streamdiffusion"),
        (("--shapes", "sd15-1024"), "there is no sd15-1024; there are sd15-64, sdxl-64, sdxl-128"),
    ],
)
def test_what_would_measure_nothing(
    flags: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is refused, with what there is: a borrowed GPU's time is not spent on a slip of the pen."""
    with pytest.raises(SystemExit) as ended:
        main(["--tiny", "--device", "cpu", "--out", str(tmp_path), *flags])
    assert said in f"{ended.value} {capsys.readouterr().err}"


def test_results_go_where_the_machine_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --out, where the environment names a folder for results, they lie there; and without that it is asked for."""
    (tmp_path / "old.jsonl").write_text("")
    monkeypatch.setenv("OUT", str(tmp_path / "out"))
    assert main(["--report", str(tmp_path / "old.jsonl")]) == 1
    assert (tmp_path / "out" / "table.txt").exists()
    monkeypatch.delenv("OUT")
    with pytest.raises(SystemExit):
        main(["--report", str(tmp_path / "old.jsonl")])


def test_full_size_needs_a_gpu(tmp_path: Path) -> None:
    """Nobody waits for an hour by mistake."""
    with pytest.raises(SystemExit, match="--tiny"):
        main(["--out", str(tmp_path), "--device", "cpu"])
