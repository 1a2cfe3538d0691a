"""The graphs of every architecture by torch's engine, with small networks of the shapes that are published."""

import copy
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor, fx

from engines.ports import GRAPHS
from engines.pytorch import float8
from engines.pytorch.fusing import fuse
from engines.pytorch.graph_types import type_graph
from engines.pytorch.traced import operator, trace

pytest.importorskip("diffusers")

from engines.families.modules import GraphModules
from engines.families.stable_diffusion.graphs import modules_around
from tests.engines.families.stable_diffusion import published

SIDE = 64
KINDS = ("sd15", "sd15 told its guidance", "sd21", "sdxl", "sdxl with its own autoencoder")


@cache
def modules(kind: str) -> GraphModules:
    torch.manual_seed(3)
    architecture = kind.split()[0]
    networks = published.networks(architecture, guidance=16 if "told" in kind else None)
    encoders = [networks[name] for name in networks if name.startswith("text")]
    vae = networks["vae"] if "own" in kind else published.tiny_vae()
    return modules_around(networks["unet"], vae, encoders, SIDE, SIDE)


def inputs(kind: str, n: int = 2, t: float = 999.0) -> dict[str, dict[str, Tensor]]:
    torch.manual_seed(4)
    ids, latents = torch.randint(0, 300, (n, 77)), (n, 4, SIDE // 8, SIDE // 8)
    made = modules(kind)
    text = {"ids": ids, "ids_2": ids.flip(1)} if kind.startswith("sdxl") else {"ids": ids}
    with torch.no_grad():
        conditioning = made.text(*text.values())
    numbers = {name: torch.full((n,), value) for name, value in (("A", 14.6), ("B", -14.5), ("alpha", 0.5), ("sigma", 0.5))}
    denoise = {"x": torch.randn(latents), "t": torch.full((n,), t), "conditioning": conditioning, **numbers}
    denoise["noise_next"] = torch.randn(latents)
    if "told" in kind:
        denoise["w"] = torch.full((n,), 7.5)
    pixels = torch.randint(0, 256, (n, SIDE, SIDE, 3), dtype=torch.uint8)
    return {"text": text, "encode": {"pixels": pixels}, "denoise": denoise, "decode": {"latents": torch.randn(latents)}}


@cache
def traced(kind: str, name: str) -> fx.GraphModule:
    return trace(getattr(modules(kind), name), inputs(kind)[name], ("the first",))


def prepared(kind: str, name: str, precision: str) -> fx.GraphModule:
    return fuse(type_graph(copy.deepcopy(traced(kind, name)), precision, name))


def run(graph: fx.GraphModule, given: dict[str, Tensor]) -> Tensor:
    with torch.no_grad():
        out: Tensor = graph(*(given[node.name] for node in graph.graph.find_nodes(op="placeholder")))[0]
    return out


def wanted(kind: str, name: str, given: dict[str, Tensor]) -> Tensor:
    with torch.no_grad():
        out = getattr(modules(kind), name)(*given.values())
    one: Tensor = out[0] if isinstance(out, tuple) else out
    return one


def off(got: Tensor, true: Tensor) -> float:
    got, true = got.float(), true.float()
    return float((got - true).square().mean().sqrt() / true.square().mean().sqrt())


def same(got: Tensor, true: Tensor) -> bool:
    """Equal but for the order of sums, which is the processor's own: so many roundings of a float, a level of few pixels."""
    if got.dtype == torch.uint8:
        steps = (got.int() - true.int()).abs()
        return int(steps.max()) <= 1 and float((steps > 0).float().mean()) < 0.01
    return off(got, true) < 1000 * torch.finfo(torch.float32).eps


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_the_reference(kind: str, name: str) -> None:
    """Tracing and joining products changes nothing, at batches other than the one that was traced."""
    graph = prepared(kind, name, "fp32")
    for n in (1, 3):
        given = inputs(kind, n)[name]
        assert same(run(graph, given), wanted(kind, name, given))


@pytest.mark.parametrize(("precision", "most"), [("fp16", 0.01), ("bf16", 0.08)])
@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_near(kind: str, name: str, precision: str, most: float) -> None:
    given = inputs(kind)[name]
    assert 0 <= off(run(prepared(kind, name, precision), given), wanted(kind, name, given)) < most


@pytest.mark.parametrize("kind", ["sd15 told its guidance", "sdxl"])
def test_sinusoids_and_the_affine_map_are_exact(kind: str) -> None:
    """Of a denoiser in bf16 every sine is of float32 numbers, and x goes through the map unrounded."""
    graph, given = prepared(kind, "denoise", "bf16"), inputs(kind)["denoise"]
    sines: list[torch.dtype] = []

    class Watching(fx.Interpreter):
        def run_node(self, n: fx.Node) -> object:
            out = super().run_node(n)
            if operator(n) in ("sin", "cos", "exp"):
                sines.append(out.dtype)
            return out

    Watching(graph).run(*(given[node.name] for node in graph.graph.find_nodes(op="placeholder")))
    assert len(sines) >= 6
    assert set(sines) == {torch.float32}
    given["B"] = torch.zeros(2)
    assert torch.equal(run(graph, given), given["A"][:, None, None, None] * given["x"])


@pytest.mark.parametrize(("kind", "before", "after"), [("sd15", 50, 28), ("sdxl", 100, 62)])
def test_products_are_joined(kind: str, before: int, after: int) -> None:
    """Attention's and the time's: about half of the linear layers' launches are left."""
    count: Callable[[fx.GraphModule], int] = lambda graph: sum(operator(node) == "linear" for node in graph.graph.nodes)  # noqa: E731
    assert (count(traced(kind, "denoise")), count(prepared(kind, "denoise", "fp32"))) == (before, after)


@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
def test_fp8_is_near(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all a UNet's layers of tokens in 8 bits its error is some hundredths, and more than fp16's."""
    monkeypatch.setattr(float8, "_LEAST_ELEMENTS", 0)  # small networks have small layers
    graph, given = prepared(kind, "denoise", "fp16"), inputs(kind)["denoise"]
    given["A"] = torch.zeros(2)  # the network alone
    true = wanted(kind, "denoise", given)
    half = off(run(graph, given), true)
    assert float8.quantise_graph(graph) > 10
    assert half < off(run(graph, given), true) < 0.1
