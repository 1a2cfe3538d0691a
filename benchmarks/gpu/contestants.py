"""Who is measured, in the order in which they take their turns, and what each needs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from engines.errors import EngineError
from engines.options import TorchOptions

from .bench import Bench
from .ours import EnginePainter, open_fake, open_reference, open_stand_in, open_tensorrt, open_torch, typed
from .painter import Painter
from .probe import probe
from .shapes import Shape


@dataclass(frozen=True, slots=True)
class Contestant:
    """`open` makes a painter of ticks of some sizes, once for a shape; `each` is true of those that have one size only, and
    are opened for each batch. `lacking` is why it cannot run on a device at all, if it cannot: asked without touching it.
    `computes` is false of those whose networks are none, and so have no operations to count. `asked` is true of those that
    are measured only if they are named, `opening` the seconds that making it ready is taken to last at full size until it
    is known, and `instead` who takes the turn if it gave no row.
    """

    name: str
    open: Callable[[Bench, Shape, tuple[int, ...]], Painter]
    lacking: Callable[[str], str | None] = lambda device: None
    families: tuple[str, ...] = ("sd15", "sdxl")
    computes: bool = True
    each: bool = False
    asked: bool = False
    opening: float = 10.0
    instead: str | None = None


def _torch(options: TorchOptions, bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    folder = bench.folder / shape.name
    if bench.device == "cpu":
        return EnginePainter(open_reference(shape, bench.parts(shape), sizes, folder))
    graphs = typed(shape, bench.parts_on_cpu(shape), options, folder)
    return EnginePainter(open_torch(shape, graphs, options, sizes, folder, bench.say))


def _variant(device: str) -> str | None:
    return "without a GPU it is what `torch` is, the reference" if device == "cpu" else None


def open_tensorrt_painter(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    """Raises EngineError if TensorRT-RTX does not name the GPU, and a small student in another process found it right."""
    from engines.tensorrt.flavour import find_flavour
    from engines.tensorrt.gpus import installed_gpu, named_ahead

    flavour, gpu = find_flavour(None), installed_gpu()
    if flavour.rtx and gpu not in named_ahead(flavour):
        bench.say(f"trying {flavour.title}, which does not name {gpu}")
        if (why := probe(bench.folder / "probe")) is not None:
            raise EngineError(why)
    return plain_tensorrt_painter(bench, shape, sizes)


def plain_tensorrt_painter(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    """Without asking whether it may end the process."""
    return EnginePainter(open_tensorrt(shape, bench.parts(shape), sizes, bench.folder, bench.say))


def _no_tensorrt(device: str) -> str | None:
    from engines.tensorrt.flavour import find_flavour

    try:
        find_flavour(None)
    except EngineError as error:
        return str(error)
    return None if device == "cuda" else "there is no GPU here to run a plan on"


def _stand_in(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    return EnginePainter(open_stand_in(shape, sizes, bench.folder / f"{shape.name}-standin"))


def _fake(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    return EnginePainter(open_fake(shape, sizes))


def _streamdiffusion(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    from .streamdiffusion import StreamDiffusionWay

    return StreamDiffusionWay(shape, bench.parts(shape, bench.dtype), sizes[-1], bench.conditioning(shape))


def _diffusers(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    from .autopipeline import AutoPipeline

    return AutoPipeline(shape, bench.parts(shape, bench.dtype), sizes[-1], bench.conditioning(shape))


def _on_a_gpu_only(device: str) -> str | None:
    return None if device == "cuda" else "there is no GPU here; `fake` takes its place"


def _on_a_processor_only(device: str) -> str | None:
    return "`standin` takes its place on a GPU" if device == "cuda" else None


CONTESTANTS = (
    Contestant("streamdiffusion", _streamdiffusion, families=("sd15",), each=True),
    Contestant("diffusers", _diffusers, each=True),
    Contestant("standin", _stand_in, _on_a_gpu_only, computes=False),
    Contestant("fake", _fake, _on_a_processor_only, computes=False),
    Contestant("torch", partial(_torch, TorchOptions()), opening=120.0, instead="torch-plain"),
    Contestant("torch-eager", partial(_torch, TorchOptions(compile=False)), _variant, asked=True, opening=30.0),
    Contestant("torch-fp8", partial(_torch, TorchOptions(fp8=True)), _variant, asked=True, opening=120.0),
    Contestant(
        "torch-plain",
        partial(_torch, TorchOptions(attention="default", convolutions="plain")),
        _variant,
        asked=True,
        opening=120.0,
        instead="torch-eager",
    ),
    # last: its library may end the process, and building takes longest
    Contestant("tensorrt", open_tensorrt_painter, _no_tensorrt, opening=150.0),
)
"""StreamDiffusion cannot do SDXL: its pipeline gives the network no pooled prompt."""

BY_NAME = {contestant.name: contestant for contestant in CONTESTANTS}
