"""Who is measured, in the order in which they are worth measuring, and what each needs."""

from collections.abc import Callable
from dataclasses import dataclass

from engines.errors import EngineError

from .bench import Bench
from .ours import EnginePainter, open_fake, open_reference, open_stand_in, open_tensorrt, open_torch, typed
from .painter import Painter
from .probe import probe
from .shapes import Shape


@dataclass(frozen=True, slots=True)
class Contestant:
    """`open` makes a painter of ticks of some sizes. `lacking` is why it cannot run on a machine at all, if it cannot.
    `computes` is false of those whose networks are none, and so have no operations to count. `last` is true of those whose
    library may end the process: they come after all others of a shape.
    """

    name: str
    open: Callable[[Bench, Shape, tuple[int, ...]], Painter]
    lacking: Callable[[Bench], str | None] = lambda bench: None
    families: tuple[str, ...] = ("sd15", "sdxl")
    computes: bool = True
    last: bool = False


def _torch(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    if bench.device == "cpu":
        return EnginePainter(open_reference(shape, bench.parts(shape), sizes, bench.folder / shape.name))
    folder = bench.folder / shape.name
    return EnginePainter(
        open_torch(shape, bench.typed(shape, lambda parts: typed(shape, parts, folder)), sizes, folder, bench.say)
    )


def open_tensorrt_painter(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    # one build for several sizes: most of the work is the same for each
    group = bench.group(sizes)
    key = f"{shape.name} {group}"
    if key not in bench.kept:
        bench.kept[key] = open_tensorrt(shape, bench.parts(shape), group, bench.folder, bench.say)
    return Kept(bench.kept[key])


class Kept(EnginePainter):
    """Of an engine that stays open until the bench is closed."""

    def close(self) -> None:
        pass


def _no_tensorrt(bench: Bench) -> str | None:
    from engines.tensorrt.flavour import find_flavour
    from engines.tensorrt.gpus import installed_gpu, named_ahead

    try:
        flavour = find_flavour(None)
    except EngineError as error:
        return str(error)
    if bench.device != "cuda":
        return "there is no GPU here to run a plan on"
    gpu = installed_gpu()
    if not flavour.rtx or gpu in named_ahead(flavour):
        return None
    bench.say(f"trying {flavour.title}, which does not name {gpu}")
    return probe(bench.folder / "probe")


def _stand_in(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    return EnginePainter(open_stand_in(shape, sizes, bench.folder / f"{shape.name}-standin"))


def _fake(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    return EnginePainter(open_fake(shape, sizes))


def _streamdiffusion(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    from .streamdiffusion import StreamDiffusionWay

    bench.plain_torch()
    return StreamDiffusionWay(shape, bench.parts(shape, bench.dtype), sizes[-1], bench.conditioning(shape))


def _diffusers(bench: Bench, shape: Shape, sizes: tuple[int, ...]) -> Painter:
    from .autopipeline import AutoPipeline

    bench.plain_torch()
    return AutoPipeline(shape, bench.parts(shape, bench.dtype), sizes[-1], bench.conditioning(shape))


def _on_a_gpu_only(bench: Bench) -> str | None:
    return None if bench.device == "cuda" else "there is no GPU here; `fake` takes its place"


def _on_a_processor_only(bench: Bench) -> str | None:
    return "`standin` takes its place on a GPU" if bench.device == "cuda" else None


CONTESTANTS = (
    Contestant("torch", _torch),
    Contestant("streamdiffusion", _streamdiffusion, families=("sd15",)),
    Contestant("diffusers", _diffusers),
    Contestant("standin", _stand_in, _on_a_gpu_only, computes=False),
    Contestant("fake", _fake, _on_a_processor_only, computes=False),
    Contestant("tensorrt", open_tensorrt_painter, _no_tensorrt, last=True),
)
"""StreamDiffusion cannot do SDXL: its pipeline gives the network no pooled prompt."""
