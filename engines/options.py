"""What may be chosen of each engine: one frozen value a runtime. Command lines, help and refusals are made from these.

A field's type says what it may be, and its `Option` how a command line speaks of it.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from .errors import BadOption, EngineError


@dataclass(frozen=True, slots=True)
class Option:
    """What a choice is, its bounds (inclusive), and its name on a command line where that is not the field's.

    One that is `for_tests` is of no use to anybody else.
    """

    help: str
    least: float | None = None
    most: float | None = None
    flag: str = ""
    for_tests: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A field of an engine's options. `kind` is its type; `values` are all that it may be, where they can be listed."""

    field: str
    flag: str
    kind: Any
    default: Any
    option: Option

    @property
    def values(self) -> tuple[str, ...]:
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    def check(self, value: Any) -> None:
        """Raises BadOption."""
        if self.values and value not in self.values:
            raise BadOption(f"{self.flag} must be {', '.join(self.values)}, not {value!r}")
        least, most = self.option.least, self.option.most
        if value is not None and ((least is not None and value < least) or (most is not None and value > most)):
            bounds = f"{least:g} to {most:g}" if least is not None and most is not None else f"{least:g} or more"
            raise BadOption(f"{self.flag} must be {bounds}, not {value}")


@dataclass(frozen=True)
class EngineOptions:
    """None of it is needed. Raises BadOption, at once, for what an engine cannot do."""

    def __post_init__(self) -> None:
        for choice in choices_of(type(self)).values():
            choice.check(getattr(self, choice.field))


def choices_of(options: type[EngineOptions]) -> dict[str, Choice]:
    """The choices of a runtime, by flag."""
    hints = get_type_hints(options, include_extras=True)
    found = {}
    for one in fields(options):
        kind, option = get_args(hints[one.name])
        flag = option.flag or one.name
        found[flag] = Choice(one.name, flag, kind, one.default, option)
    return found


_PRECISION = Option("fp16, bf16 or fp32, as far as the engine can; auto: fp16 on a GPU, bf16 on a processor that has it")

Precision = Literal["auto", "fp16", "bf16", "fp32"]


@dataclass(frozen=True)
class OpenVinoOptions(EngineOptions):
    """auto is bf16 where the processor has it."""

    precision: Annotated[Literal["auto", "bf16", "fp32"], _PRECISION] = "auto"
    threads: Annotated[int, Option("threads of the engine; 0 means one per core", least=0)] = 0


@dataclass(frozen=True)
class TensorRtOptions(EngineOptions):
    """auto is fp16, and bf16 for a network that is known to overflow.

    Stripped plans get their weights when they are loaded: another LoRA needs no build. RTX strips on a GPU only.
    """

    precision: Annotated[Precision, _PRECISION] = "auto"
    stripped: Annotated[bool, Option("true: plans without weights, so that another LoRA needs no build")] = False
    level: Annotated[
        int | None, Option("how long its builder looks for faster kernels, 0 to 5; none: its own default", least=0, most=5)
    ] = None
    workspace: Annotated[
        int | None, Option("MiB of device memory that one layer may have for scratch; none: all of it", least=1)
    ] = None


@dataclass(frozen=True)
class TorchOptions(EngineOptions):
    """On a GPU. auto is fp16, and bf16 for a network that is known to overflow.

    Compiling takes minutes at the first start. fp8 (e4m3) is of the denoiser's larger products; GPUs have it from sm89 on.
    What is auto of attention and convolutions is timed while warming up, for each shape and size (`pytorch/tuning.py`).
    """

    precision: Annotated[Precision, _PRECISION] = "auto"
    compile: Annotated[bool, Option("compile its networks; false: start sooner, run slower", flag="torch_compile")] = True
    fp8: Annotated[bool, Option("true: products in 8 bits; faster and coarser")] = False
    attention: Annotated[
        Literal["auto", "default", "flash", "cudnn", "efficient"],
        Option("whose attention: default, flash, cudnn or efficient; auto: the quickest, timed", flag="torch_attention"),
    ] = "auto"
    convolutions: Annotated[
        Literal["auto", "plain", "merged"],
        Option("convolutions and their ReLU plain or merged; auto: whichever is quicker, timed", flag="torch_convolutions"),
    ] = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fp8 and self.precision == "fp32":
            raise BadOption("fp8 is for what is computed in half precision: choose precision auto, fp16 or bf16 with it")


@dataclass(frozen=True)
class ReferenceOptions(EngineOptions):
    """Of torch on a processor."""

    precision: Annotated[Literal["auto", "fp32"], _PRECISION] = "auto"


@dataclass(frozen=True)
class FakeOptions(EngineOptions):
    """Of the engine without a network."""

    precision: Annotated[Literal["auto", "fp32"], _PRECISION] = "auto"
    tick_seconds: Annotated[float, Option("seconds of a tick", least=0, flag="fake_tick", for_tests=True)] = 0.0
    row_seconds: Annotated[float, Option("seconds of a row", least=0, flag="fake_row", for_tests=True)] = 0.0
    overlap: Annotated[bool, Option("true: ticks overlap, as those of a GPU do", flag="fake_overlap", for_tests=True)] = False
    copies: Annotated[bool, Option("true: source images, copied", flag="fake_copies", for_tests=True)] = False
    gate: Annotated[Path | None, Option("no tick ends before this file is there", flag="fake_gate", for_tests=True)] = None


TENSORRT = ("tensorrt", "tensorrt_rtx")
"""The first is whichever TensorRT is installed, the second TensorRT-RTX."""

OPTIONS: dict[str, dict[str, type[EngineOptions]]] = {
    "openvino": {"cpu": OpenVinoOptions},
    "tensorrt": {"cuda": TensorRtOptions},
    "tensorrt_rtx": {"cuda": TensorRtOptions},
    "torch": {"cpu": ReferenceOptions, "cuda": TorchOptions},
    "fake": {"cpu": FakeOptions},
}
"""Engine to what it runs on, the first of them where nobody chose, to what may be chosen of it there."""

ENGINES = tuple(OPTIONS)


def options_of(engine: str, device: int | None) -> type[EngineOptions]:
    """What may be chosen of an engine, on the GPU with this number or on the processor. Raises EngineError."""
    if engine not in OPTIONS:
        raise EngineError(f"no engine named {engine!r}; there are: {', '.join(ENGINES)}")
    kind = "cpu" if device is None else "cuda"
    if kind not in OPTIONS[engine]:
        raise EngineError(f"{engine} runs on {' or '.join(OPTIONS[engine])}, not on {kind}")
    return OPTIONS[engine][kind]


def all_choices() -> dict[str, list[Choice]]:
    """Flag to what it is of each runtime that has it."""
    found: dict[str, list[Choice]] = {}
    for kind in dict.fromkeys(kind for on in OPTIONS.values() for kind in on.values()):
        for flag, choice in choices_of(kind).items():
            found.setdefault(flag, []).append(choice)
    return found


def who_has(flag: str) -> str:
    """The engines that have a choice, as a command line names them."""
    said = []
    for engine, on in OPTIONS.items():
        having = [device for device, kind in on.items() if flag in choices_of(kind)]
        if having:
            said.append(engine if len(having) == len(on) else f"{engine} with --device {having[0]}")
    return " or ".join(said)
