"""What either flavour of TensorRT is asked for, when one plan is built. RTX is asked in earnest in test_build_plans."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.errors import EngineError
from engines.options import TensorRtOptions
from engines.tensorrt.build.plan import Order, write_plan
from engines.tensorrt.build.timing import TimingCache
from engines.tensorrt.flavour import Flavour
from tests.engines.tensorrt.flavours import Names, Recorder, stand_in

INPUTS = [SimpleNamespace(name="x", shape=(-1, 4, 64, 64)), SimpleNamespace(name="t", shape=(-1,))]
CAPABILITIES = SimpleNamespace(__members__={"SM80": 80, "SM89": 89}, SM80="SM80", SM89="SM89", CURRENT="CURRENT")


def _nothing() -> None:
    raise TypeError("pybind11::init(): factory function returned nullptr")


class Trt:
    """TensorRT as far as a build goes. What was asked of its parts is in `config`, `network` and `profiles`."""

    def __init__(
        self, plan: bytes | None = b"plan", builds: bool = True, parses: bool = True, lacking: tuple[str, ...] = ()
    ) -> None:
        self.network = Recorder(num_inputs=len(INPUTS), get_input=INPUTS.__getitem__)
        self.profiles: list[Recorder] = []
        self.config = Recorder(set_compute_capability=lambda capability, index: True)
        self.parser = Recorder(parse_from_file=lambda path: parses, num_errors=0)
        self.builder = Recorder(
            create_network=lambda flags: self.network, create_builder_config=lambda: self.config,
            create_optimization_profile=self._profile, build_serialized_network=lambda network, config: plan,
        )  # fmt: skip
        self.module = {
            "Builder": lambda logger: self.builder if builds else _nothing(), "OnnxParser": lambda network, logger: self.parser,
            "NetworkDefinitionCreationFlag": SimpleNamespace(STRONGLY_TYPED=1), "MemoryPoolType": Names(),
            "BuilderFlag": Names(*lacking), "HardwareCompatibilityLevel": Names(),
            "ComputeCapability": CAPABILITIES,
        }  # fmt: skip

    def _profile(self) -> Recorder:
        self.profiles.append(Recorder())
        return self.profiles[-1]

    def write(self, name: str, plan: Path, gpus: tuple[str, ...], **options: Any) -> None:
        flavour: Flavour = stand_in(name, "10.13.3" if name == "tensorrt" else "1.7.1", **self.module)
        order = Order("denoise graph", Path("graph.onnx"), (1, 4), gpus, TensorRtOptions(**options), ("w1", "w2"))
        write_plan(
            flavour, SimpleNamespace(errors=["out of luck"]), "monitor", TimingCache(flavour, plan.parent, None), order, plan
        )


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return tmp_path / "denoise.plan"


def test_a_plan(plan: Path) -> None:
    """A network is strongly typed, has a profile of fixed shapes for each size in order, and tells of its progress."""
    trt = Trt()
    trt.write("tensorrt", plan, ("sm90",))
    assert plan.read_bytes() == b"plan"
    assert ("create_network", 2) in trt.builder.noted
    shapes = [((n, 4, 64, 64), (n,)) for n in (1, 4)]
    assert [[call[2:] for call in profile.noted] for profile in trt.profiles] == [[(x,) * 3, (t,) * 3] for x, t in shapes]
    assert [call[1] for call in trt.config.noted if call[0] == "add_optimization_profile"] == trt.profiles
    assert ("progress_monitor", "monitor") in trt.config.noted


def test_options(plan: Path) -> None:
    """The builder is bounded and told how long to look as asked."""
    trt = Trt()
    trt.write("tensorrt", plan, ("sm90",), level=5, workspace=1024)
    assert {("builder_optimization_level", 5), ("set_memory_pool_limit", "WORKSPACE", 1 << 30)} <= set(trt.config.noted)


def test_in_full_precision(plan: Path) -> None:
    """Who asks for fp32 gets no TF32 instead."""
    trt = Trt()
    trt.write("tensorrt", plan, ("sm90",), precision="fp32")
    assert ("clear_flag", "TF32") in trt.config.noted


@pytest.mark.parametrize(
    ("flavour", "gpus", "asked"),
    [
        ("tensorrt", ("sm90",), []),
        ("tensorrt", ("ampere+",), [("hardware_compatibility_level", "AMPERE_PLUS")]),
        ("tensorrt_rtx", ("sm90",), [("num_compute_capabilities", 1), ("set_compute_capability", "CURRENT", 0)]),
        ("tensorrt_rtx", ("sm80", "sm89"), [
            ("num_compute_capabilities", 2), ("set_compute_capability", "SM80", 0), ("set_compute_capability", "SM89", 1),
        ]),
    ],
)  # fmt: skip
def test_targets(flavour: str, gpus: tuple[str, ...], asked: list[tuple[Any, ...]], plan: Path) -> None:
    """Each flavour is told its GPUs in its own way, and one that RTX does not name is the one that is there."""
    trt = Trt()
    trt.write(flavour, plan, gpus)
    assert [call for call in trt.config.noted if "capabilit" in call[0] or "compatib" in call[0]] == asked


def test_what_can_be_captured(plan: Path) -> None:
    """A plan may not allocate while it runs, where a flavour can promise that."""
    promising, other = Trt(), Trt(lacking=("REQUIRE_USER_ALLOCATION",))
    promising.write("tensorrt_rtx", plan, ("sm89",))
    other.write("tensorrt", plan, ("sm89",))
    assert ("set_flag", "REQUIRE_USER_ALLOCATION") in promising.config.noted
    assert not [call for call in other.config.noted if call[0] == "set_flag"]


def test_stripping(plan: Path) -> None:
    """A stripped plan lacks the big weights, each by its name, and nothing else."""
    trt = Trt()
    trt.write("tensorrt", plan, ("sm90",), stripped=True)
    assert {("set_flag", "STRIP_PLAN"), ("set_flag", "REFIT_INDIVIDUAL")} <= set(trt.config.noted)
    assert [call for call in trt.network.noted if "refit" in call[0]] == [
        ("mark_weights_refittable", "w1"),
        ("mark_weights_refittable", "w2"),
    ]


@pytest.mark.parametrize(
    ("how", "options", "said"),
    [
        ({"builds": False}, {}, "TensorRT 10.13.3 cannot build here: out of luck. Is there a GPU with its driver?"),
        ({"parses": False}, {}, "rejects the denoise graph: without a reason. Use another version"),
        ({"plan": None}, {}, "could not build the denoise graph: out of luck. It may want for memory"),
        (
            {"plan": None},
            {"stripped": True},
            "could not build the denoise graph: out of luck. Plans without weights are built on",
        ),
    ],
)
def test_refusals(how: dict[str, Any], options: dict[str, Any], said: str, plan: Path) -> None:
    """Whatever TensorRT refuses is said with its reason and a remedy, and leaves no plan."""
    with pytest.raises(EngineError, match=said.replace("?", r"\?")):
        Trt(**how).write("tensorrt", plan, ("sm90",), **options)
    assert not plan.exists()
