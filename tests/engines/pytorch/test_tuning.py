"""What is chosen by timing: the quicker, if it gives the same; and what is asked for without it."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from engines.errors import EngineError
from engines.options import TorchOptions
from engines.pytorch import tuning
from engines.pytorch.fusing import fuse
from engines.pytorch.graph_types import type_graph
from engines.pytorch.traced import operator, trace
from engines.pytorch.tuning import Tuning

CPU = torch.device("cpu")
MERGED = {"convolution_relu", "convolution_add_relu"}


class Net(nn.Module):
    """Two equal attentions, and a convolution before and behind; the second adds."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.end = (nn.Conv2d(8, 8, 3, padding=1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        for _ in range(2):
            q = x.flatten(2).transpose(1, 2).unflatten(-1, (2, 4)).transpose(1, 2)
            x = x + F.scaled_dot_product_attention(q, q, q).transpose(1, 2).flatten(2).transpose(1, 2).view_as(x)
        end: Tensor = self.end(torch.relu(self.last(x) + x))
        return end


@pytest.fixture
def graph() -> fx.GraphModule:
    torch.manual_seed(0)
    net = Net().eval().requires_grad_(False)
    return fuse(type_graph(trace(net, {"x": torch.randn(2, 8, 6, 6)}, ("y",)), "bf16", "it"))


def kinds(graph: fx.GraphModule) -> dict[str, list[Any]]:
    """Operators that may be chosen between: name to the kernels asked for."""
    wanted = {"attention", "scaled_dot_product_attention", "conv2d", *MERGED}
    found: dict[str, list[Any]] = {}
    for node in graph.graph.nodes:
        if (name := operator(node)) in wanted:
            found.setdefault(name, []).append(node.args[3] if name == "attention" else None)
    return found


class Clock:
    """Takes the place of a device's: the ways of each question take the seconds that they are given in turn."""

    def __init__(self, *seconds: float) -> None:
        self._seconds: Iterator[float] = iter(seconds)
        self.asked = 0

    def __call__(self, run: Callable[[], Any]) -> float:
        run()
        self.asked += 1
        return next(self._seconds)


def test_the_quicker_is_chosen(graph: fx.GraphModule) -> None:
    """Of attention's kernels the quickest, of convolutions those that are quicker merged; each question is asked once, and
    the graph paints as before."""
    x = torch.randn(3, 8, 6, 6)
    expected = graph(x)[0]
    clock = Clock(5.0, 4.0, 2.0, 3.0, 1.0, 0.5, 1.0, 1.5)
    tuner = Tuning(TorchOptions(), CPU, clock)
    assert tuner.tune(graph, 3)
    assert kinds(graph) == {"attention": ["cudnn", "cudnn"], "convolution_relu": [None], "conv2d": [None, None]}
    assert clock.asked == 4 + 2 + 2
    assert [one.chosen for one in tuner.timed] == ["cudnn", "merged", "apart"]
    assert tuner.gained == pytest.approx(2 * 3.0 + 0.5)
    assert str(tuner.timed[0]).startswith("attention of [3, 2, 36, 4] to 36 tokens: cudnn (microseconds: default 5000000, ")
    torch.testing.assert_close(graph(x)[0], expected, atol=0.05, rtol=0.05)


def test_hardly_quicker_is_not_worth_it(graph: fx.GraphModule) -> None:
    """What is within what timing wanders leaves all as it was."""
    before = kinds(graph)
    tuner = Tuning(TorchOptions(), CPU, Clock(1.0, 0.99, 0.98, 1.0, 1.0, 0.98, 1.0, 1.0))
    assert not tuner.tune(graph, 1)
    assert kinds(graph) == before
    assert [one.chosen for one in tuner.timed] == ["default", "apart", "apart"]


def test_other_sizes_are_other_questions(graph: fx.GraphModule) -> None:
    """A kernel that is quickest for one row need not be for eight."""
    clock = Clock(*[1.0] * 16)
    tuner = Tuning(TorchOptions(), CPU, clock)
    for rows in (1, 1, 8):
        tuner.tune(graph, rows)
    assert clock.asked == 16


def test_what_fails_or_gives_something_else_is_not_chosen(graph: fx.GraphModule, monkeypatch: pytest.MonkeyPatch) -> None:
    """However quick it is."""

    def other(q: Tensor, k: Tensor, v: Tensor, kernel: str, scale: float | None) -> Tensor:
        if kernel == "flash":
            raise RuntimeError("No available kernel. Aborting execution.")
        return torch.full_like(q, float("nan")) if kernel == "cudnn" else 2 * v

    monkeypatch.setattr(tuning, "attention", other)
    monkeypatch.setattr(tuning, "convolution_relu", lambda *_: torch.zeros(()))
    clock = Clock(1.0, 1.0, 0.1)
    tuner = Tuning(TorchOptions(), CPU, clock)
    assert tuner.tune(graph, 1)
    assert kinds(graph) == {
        "scaled_dot_product_attention": [None, None], "convolution_add_relu": [None], "conv2d": [None, None],
    }  # fmt: skip
    assert [[*one.seconds] for one in tuner.timed] == [["default"], ["apart", "merged"]]


def test_choices_are_found_again(graph: fx.GraphModule, tmp_path: Path) -> None:
    """By the next start, which times nothing and chooses alike; not by one of another device or torch, nor of a broken file."""
    first = Tuning(TorchOptions(), CPU, Clock(5.0, 4.0, 2.0, 3.0, 1.0, 0.5, 1.0, 1.5), tmp_path)
    first.tune(copy.deepcopy(graph), 3)
    assert first.gained == pytest.approx(2 * 3.0 + 0.5)
    first.keep()
    again = Tuning(TorchOptions(), CPU, Clock(), tmp_path)
    again.tune(graph, 3)
    again.keep()
    assert kinds(graph) == {"attention": ["cudnn", "cudnn"], "convolution_relu": [None], "conv2d": [None, None]}
    (file,) = tmp_path.iterdir()
    assert file.name == f"choices-cpu-torch-{torch.__version__}.json"
    file.write_text("{")
    clock = Clock(*[1.0] * 8)
    Tuning(TorchOptions(), CPU, clock, tmp_path).tune(copy.deepcopy(graph), 1)
    assert clock.asked > 0


def test_what_cannot_be_kept(graph: fx.GraphModule, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder that cannot be written to costs the next start its time, and nothing else."""
    (tmp_path / "file").write_text("")
    tuner = Tuning(TorchOptions(), CPU, Clock(*[1.0] * 8), tmp_path / "file")
    tuner.tune(graph, 1)
    tuner.keep()
    assert "cannot be kept" in caplog.text


def test_no_memory_is_an_error_and_no_choice(graph: fx.GraphModule) -> None:
    """It is told as such, and not taken for a kernel that cannot."""

    def clock(run: Callable[[], Any]) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        Tuning(TorchOptions(), CPU, clock).tune(graph, 1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (TorchOptions(attention="flash", convolutions="merged"), {"attention", *MERGED, "conv2d"}),
        (TorchOptions(attention="default", convolutions="plain"), {"scaled_dot_product_attention", "conv2d"}),
        (TorchOptions(), {"scaled_dot_product_attention", "conv2d"}),
    ],
)
def test_what_is_asked_for_is_not_timed(graph: fx.GraphModule, options: TorchOptions, expected: set[str]) -> None:
    """Nor is anything where there is no clock: all stays as it is there."""
    assert Tuning(options, CPU, None).tune(graph, 1) is (len(expected) > 2)
    assert kinds(graph).keys() == expected


@pytest.mark.parametrize("wrong", [{"attention": "quick"}, {"convolutions": "fused"}])
def test_what_there_is(wrong: dict[str, str]) -> None:
    """Options that are none name those that are."""
    with pytest.raises(EngineError, match="must be auto, "):
        TorchOptions(**wrong)  # type: ignore[arg-type]
