"""Names of GPU architectures: what can be built for which, and where."""

import importlib
from types import SimpleNamespace

import pytest

from engines.errors import EngineError
from engines.tensorrt.gpus import choose_gpus, covers, gpu_name, installed_gpu, named_ahead, parse_gpus
from tests.engines.tensorrt.flavours import stand_in

CAPABILITIES = SimpleNamespace(__members__=dict.fromkeys(("NONE", "CURRENT", "SM120", "SM75", "SM80", "SM89")))
RTX = stand_in("tensorrt_rtx", "1.7.1", ComputeCapability=CAPABILITIES)
FULL = stand_in("tensorrt", "10.13")


@pytest.mark.parametrize(
    ("text", "gpus"),
    [("sm89", ("sm89",)), (" SM120, sm80,sm89,sm80 ", ("sm80", "sm89", "sm120")), ("ampere+", ("ampere+",))],
)
def test_parsing(text: str, gpus: tuple[str, ...]) -> None:
    """Names come in the order of their age, each once."""
    assert parse_gpus(text) == gpus


@pytest.mark.parametrize(
    ("text", "said"), [("", "not ''"), ("4090", "such as sm86"), ("sm8", "not"), ("ampere+,sm75", "give it alone")]
)
def test_what_is_no_gpu(text: str, said: str) -> None:
    """What names no architecture is refused with an example."""
    with pytest.raises(ValueError, match=said):
        parse_gpus(text)


def test_covering() -> None:
    """A build runs on the architectures that it names, and a portable one from Ampere on."""
    assert covers(("sm80", "sm89"), gpu_name(8, 9))
    assert not covers(("sm80", "sm89"), gpu_name(8, 6))
    assert covers(("ampere+",), gpu_name(12, 0))
    assert not covers(("ampere+",), gpu_name(7, 5))


def test_what_is_built_ahead() -> None:
    """RTX names what it builds for anywhere; TensorRT builds where it is."""
    assert named_ahead(RTX) == ("sm75", "sm80", "sm89", "sm120")
    assert named_ahead(FULL) == ()


@pytest.mark.parametrize(
    ("flavour", "asked", "here", "gpus"),
    [
        (RTX, (), None, ("sm80", "sm89", "sm120")),
        (RTX, (), "sm89", ("sm89",)),
        (RTX, ("sm75", "sm120"), None, ("sm75", "sm120")),
        (RTX, ("sm80",), "sm89", ("sm80",)),
        (RTX, ("ampere+",), "sm90", ("sm80", "sm89", "sm120")),
        (RTX, ("sm90",), "sm90", ("sm90",)),
        (FULL, (), "sm90", ("sm90",)),
        (FULL, ("sm90",), "sm90", ("sm90",)),
        (FULL, ("ampere+",), "sm90", ("ampere+",)),
    ],
)
def test_choosing(flavour: object, asked: tuple[str, ...], here: str | None, gpus: tuple[str, ...]) -> None:
    """What is asked for is built where it can be; by default for the GPU that is here, or else for all."""
    assert choose_gpus(flavour, asked, here) == gpus  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("flavour", "asked", "here", "said"),
    [
        (RTX, ("sm90",), None, r"TensorRT-RTX 1.7.1 does not build for sm90; it does for sm75, sm80, sm89, sm120, or for all"),
        (RTX, ("sm80", "sm90"), "sm90", "builds for sm90 only by itself: leave out the others"),
        (FULL, ("sm89",), None, r"builds on the GPU that it builds for, and there is none here: .*allaprima\[tensorrt-rtx\]"),
        (FULL, (), None, "there is none here"),
        (FULL, ("sm89",), "sm90", "which here is sm90: not for sm89. Leave out --gpu"),
        (FULL, ("sm89", "sm90"), "sm90", "not for sm89, sm90"),
        (FULL, ("ampere+",), "sm75", r"which here is sm75: not for ampere\+"),
    ],
)
def test_refusing(flavour: object, asked: tuple[str, ...], here: str | None, said: str) -> None:
    """What cannot be built here is refused, with what can."""
    with pytest.raises(EngineError, match=said):
        choose_gpus(flavour, asked, here)  # type: ignore[arg-type]


class DriverError(Exception):
    pass


def driver(monkeypatch: pytest.MonkeyPatch, works: bool) -> list[str]:
    """NVIDIA's driver, or its absence; the list notes that it is let go."""
    noted: list[str] = []

    def begin() -> None:
        if not works:
            raise DriverError("library not found")

    module = SimpleNamespace(
        NVMLError=DriverError,
        nvmlInit=begin,
        nvmlShutdown=lambda: noted.append("shut down"),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetCudaComputeCapability=lambda handle: (8, 9),
    )
    monkeypatch.setattr(importlib, "import_module", lambda name: {"pynvml": module}[name])
    return noted


def test_the_gpu_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver names the architecture, and is let go again."""
    noted = driver(monkeypatch, works=True)
    assert installed_gpu() == "sm89"
    assert noted == ["shut down"]


def test_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a driver there is no GPU, and that is no error."""
    driver(monkeypatch, works=False)
    assert installed_gpu() is None
