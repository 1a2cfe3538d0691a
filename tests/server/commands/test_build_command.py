"""allaprima build: what is asked wrongly is said before anything is built. The building itself: tests/engines."""

from pathlib import Path

import pytest

from server.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody"], "no student named 'nobody'; there are:"),
        (["sd-turbo", "--backend", "magic"], "no backend named 'magic'; there are: openvino, torch"),
        (["sd-turbo", "--backend", "fake"], "no backend named 'fake'"),
        (["sd-turbo", "--size", "100x100"], "sides must be multiples of 64 pixels: 100 is not, 128 is near"),
        (["sd-turbo", "--size", "large"], "a size is WIDTHxHEIGHT"),
        (["sd-turbo", "--batches", "0"], "each 1 or more"),
        (["sd-turbo", "--batches", "one"], "tick sizes are numbers"),
        (["sd-turbo", "--weights", "/nowhere"], "there is nothing at /nowhere"),
        (["sd-turbo", "--lora", "/nowhere.safetensors:0.5"], "no LoRA file /nowhere.safetensors"),
        (["sd-turbo", "--lora", "style:strong"], "a LoRA is FILE:WEIGHT"),
        (["embedded", "--size", "512x512"], "embedded paints 256x256 only"),
        (["embedded", "--full-vae"], "comes with its graphs"),
    ],
)
def test_wrong(arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each mistake is one message that names it, with status 2 and nothing built."""
    assert main(["build", *arguments, "--cache", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.rglob("built.json"))


def test_what_ships_is_only_compiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The embedded student needs no weights: it is compiled for the sizes asked, and is then listed."""
    assert main(["build", "embedded", "--batches", "1,2", "--precision", "f32", "--cache", str(tmp_path)]) == 0
    assert "embedded is built at 256x256 for openvino" in capsys.readouterr().out
    assert main(["students", "--cache", str(tmp_path)]) == 0
    assert "built: openvino 256x256 ticks of 1,2 f32" in capsys.readouterr().out
