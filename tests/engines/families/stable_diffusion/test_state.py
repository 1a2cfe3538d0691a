"""Files of weights that are damaged, dangerous or something else are refused by name, with the reason and the remedy."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.errors import EngineError
from engines.families.sources import Source
from engines.families.stable_diffusion.load import load_parts
from engines.families.stable_diffusion.state import read_state
from engines.families.stable_diffusion.variants import VARIANTS
from engines.families.stable_diffusion.weights import Lora, Weights

from . import lora_files
from .published import MODEL, networks, save_state, unet, write_pipeline

STATE = {"conv.weight": torch.arange(600.0).reshape(2, 300), "conv.bias": torch.zeros(2)}


def _file(name: str, folder: Path) -> Path:
    if name != "old.bin":
        return save_state(STATE, folder / name)
    torch.save(STATE, folder / name, _use_new_zipfile_serialization=False)  # as torch wrote files until 1.6
    return folder / name


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.bin", "old.bin", "weights.ckpt", "weights.pt"])
def test_whole_files(name: str, tmp_path: Path) -> None:
    """Files of each format give their tensors."""
    state = read_state(_file(name, tmp_path))
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("name", ["weights.safetensors", "weights.bin", "old.bin"])
def test_truncated(name: str, part: float, tmp_path: Path) -> None:
    """A file that ends too early, wherever it does, is refused."""
    path = _file(name, tmp_path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(EngineError, match=r"is cut off or is no file of weights \(.+\): download or copy it again") as refused:
        read_state(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("name", ["page.safetensors", "page.bin"])
def test_something_else(name: str, tmp_path: Path) -> None:
    """A page of a site that was saved in a file's place is refused."""
    (tmp_path / name).write_text("<!DOCTYPE html><html>Sign in to download</html>" * 50)
    with pytest.raises(EngineError, match="is cut off or is no file of weights"):
        read_state(tmp_path / name)


def test_code_is_not_run(tmp_path: Path) -> None:
    """Pickled code is refused and not run."""

    class Dangerous:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"conv.weight": STATE["conv.weight"], "more": Dangerous()}, tmp_path / "weights.bin")
    with pytest.raises(EngineError, match=r"holds Python objects .* use a \.safetensors file"):
        read_state(tmp_path / "weights.bin")
    (tmp_path / "plain.bin").write_bytes(pickle.dumps({"more": Dangerous()}, protocol=2))
    with pytest.raises(EngineError):
        read_state(tmp_path / "plain.bin")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("held", [{}, [STATE["conv.bias"]], {"epoch": 3}, {"weights": {"conv": STATE}}, STATE["conv.bias"]])
def test_no_table(held: object, tmp_path: Path) -> None:
    """A file of torch's format that holds something else than a table of tensors is refused."""
    torch.save(held, tmp_path / "weights.bin")
    with pytest.raises(EngineError, match=r"weights\.bin holds no table of tensors"):
        read_state(tmp_path / "weights.bin")


def test_missing(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(EngineError, match=f"there is no file {tmp_path}/weights.bin"):
        read_state(tmp_path / "weights.bin")


def _load(base: Path, **sources: Any) -> None:
    load_parts(Weights(base=Source(path=base), tiny=None, **sources), VARIANTS["sd15"], lambda said: None)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline to put damaged files beside."""
    return write_pipeline(tmp_path_factory.mktemp("base") / "pipeline")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"conv_in.weight": None}, r"unet\.safetensors lacks a weight \(conv_in\.weight\): it is damaged, or of another"),
        ({"conv_in.weight": None, "conv_in.bias": None}, r"lacks 2 weights \(conv_in\.bias, conv_in\.weight\)"),
        (
            {"conv_in.bias": torch.zeros(17)},
            r"another architecture: conv_in\.bias is \(17,\) there, and \(16,\) in the network",
        ),
        ({"conv_in.scale": torch.zeros(1)}, r"holds a weight \(conv_in\.scale\), which its network has not"),
        ({"conv_in.bias": torch.full((16,), torch.nan)}, r"conv_in\.bias holds values that are no numbers"),
        ({"conv_in.bias": torch.full((16,), torch.inf)}, r"conv_in\.bias holds values that are no numbers"),
    ],
)
def test_weights_that_do_not_fit(broken: dict[str, Any], reason: str, base: Path, tmp_path: Path) -> None:
    """A weight that is lost, of another shape, unknown or no number is named."""
    state = {**unet("sd15").state_dict(), **broken}
    save_state({name: weight for name, weight in state.items() if weight is not None}, tmp_path / "unet.safetensors")
    with pytest.raises(EngineError, match=reason) as refused:
        _load(base, unet=Source(path=tmp_path, file="unet.safetensors"))
    assert "unet.safetensors" in str(refused.value)


def test_a_lora_for_weights(base: Path, tmp_path: Path) -> None:
    """A LoRA in the place of a network is told apart, with the option that takes it."""
    made = {"unet": networks("sd15")["unet"]}
    save_state(lora_files.kohya(lora_files.changes_of(made, lora_files.ATTENTION)), tmp_path / "lora.safetensors")
    with pytest.raises(EngineError, match=r"lora\.safetensors is a LoRA, .* --lora"):
        _load(base, unet=Source(path=tmp_path, file="lora.safetensors"))


@pytest.mark.parametrize(
    "sources",
    [
        {"unet": Source(path=Path("/nowhere"), file="unet.bin")},
        {"unet": Source(path=Path("/nowhere"))},
        {"loras": (Lora(Source(path=Path("/nowhere"), file="lora.bin")),)},
    ],
)
def test_what_is_missing_here_is_told_first(sources: dict[str, Any]) -> None:
    """What should lie on this machine is looked for before anything is downloaded."""
    weights = Weights(**({"base": Source(repo="someone/base"), "tiny": Source(repo="someone/tiny")} | sources))
    with pytest.raises(
        EngineError, match=r"there is no (file|folder) /nowhere.*: put the weights there, or say with --weights"
    ):
        load_parts(weights, VARIANTS["sd15"], lambda said: None)


def test_truncated_in_a_pipeline(base: Path, tmp_path: Path) -> None:
    """A truncated file deep in a pipeline is named by its whole path."""
    folder = write_pipeline(tmp_path / "pipeline")
    path = folder / "unet" / f"{MODEL}.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(EngineError, match=f"{path} is cut off"):
        _load(folder)
