"""Plans of the student that ships, built in earnest, for GPUs that are not here: with TensorRT-RTX, on any machine."""

import json
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper

from engines.build_cache import key_of
from engines.errors import EngineError
from engines.options import TensorRtOptions
from engines.ports import GRAPHS
from engines.student import Student
from engines.tensorrt.build import plans as build
from engines.tensorrt.build.plan import Order, write_plan
from engines.tensorrt.build.plans import build_plans, write_typed
from engines.tensorrt.build.progress import Progress, make_monitor
from engines.tensorrt.build.timing import TimingCache
from engines.tensorrt.facts import find_build
from engines.tensorrt.flavour import Flavour, find_flavour, make_logger
from engines.tensorrt.gpus import choose_gpus, installed_gpu

try:
    FLAVOUR = find_flavour("tensorrt_rtx")
except EngineError as missing:
    pytest.skip(f"no plans are built: {missing}", allow_module_level=True)

SIZES = (1, 2)
GPUS = ("sm80", "sm89")
Built = tuple[Path, list[str]]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("builds")


@pytest.fixture(scope="session")
def built(student: Student, cache: Path) -> Built:
    """The folder of a build for two architectures, and what was said meanwhile."""
    said: list[str] = []
    return build_plans(student, SIZES, cache, GPUS, said.append, flavour=FLAVOUR), said


def facts_of(folder: Path) -> dict[str, str]:
    """What a sidecar says of a build, beside the digests of its files."""
    facts: dict[str, str] = json.loads((folder / "built.json").read_text())
    assert facts.pop("sha256")
    return facts


def parsed(path: Path) -> tuple[Any, ...]:
    """A network as TensorRT reads it from a graph; with what has to live as long."""
    trt = FLAVOUR.module
    logger = make_logger(FLAVOUR)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    assert parser.parse_from_file(str(path)), logger.errors
    return network, parser, builder, logger


def plan_of(graph: Path, folder: Path, options: TensorRtOptions | None = None, refittable: tuple[str, ...] = ()) -> Path:
    """A plan of one typed graph, for one row on an sm89."""
    order = Order("small graph", graph, (1,), ("sm89",), options or TensorRtOptions(), refittable)
    plan = folder / "small.plan"
    write_plan(FLAVOUR, make_logger(FLAVOUR), None, TimingCache(FLAVOUR, folder, None), order, plan)
    return plan


def test_a_build_is_whole(built: Built) -> None:
    """A build is a plan for each graph, and the sidecar; what it was made of is gone."""
    folder, _ = built
    assert {path.name for path in folder.iterdir()} == {f"{name}.plan" for name in GRAPHS} | {"built.json"}


def test_the_sidecar(built: Built, student: Student) -> None:
    """The sidecar says in words everything that could make the plans wrong, and the folder is named by it."""
    folder, _ = built
    facts = facts_of(folder)
    assert folder.name == key_of(facts)
    assert facts.pop("graphs")
    assert facts == {
        "student": "embedded",
        "size": "256x256",
        "batch_sizes": "1,2",
        "precision": "text=fp16,encode=fp16,denoise=fp16,decode=fp16",
        "backend": f"tensorrt_rtx {FLAVOUR.version}",
        "gpu": "sm80,sm89",
        "weights": "inside",
        "plugins": "none",
        "options": "level=None,workspace=None,recipe=1",
    }


def test_what_is_said(built: Built) -> None:
    """Who waits is told what is built with what and for what, each graph with its seconds, and where it lies."""
    folder, said = built
    assert said[0] == f"building embedded with TensorRT-RTX {FLAVOUR.version} for sm80, sm89, ticks of 1,2"
    assert [line.split()[1] for line in said if line.startswith("built ")] == [*GRAPHS, "embedded"]
    assert said[-1].endswith(str(folder))


@pytest.mark.parametrize("name", GRAPHS)
def test_a_plan_is_of_this_version(name: str, built: Built) -> None:
    """TensorRT knows a plan for one of its own; cut off, it is malformed. More it does not say without a GPU."""
    trt = FLAVOUR.module
    plan = (built[0] / f"{name}.plan").read_bytes()
    runtime = trt.Runtime(make_logger(FLAVOUR))
    head = plan[: runtime.engine_header_size]
    malformed, other = (int(getattr(trt.EngineInvalidityDiagnostics, why)) for why in ("MALFORMED_ENGINE", "VERSION_MISMATCH"))
    assert not runtime.get_engine_validity(head)[1] & (malformed | other)
    assert runtime.get_engine_validity(head[:32])[1] & malformed
    assert int.from_bytes(plan[16:24], "little") == len(plan)  # where its header has its length


def test_a_build_is_found(built: Built, cache: Path) -> None:
    """A device finds the build that covers it, whichever other devices it was made for."""
    facts = facts_of(built[0])
    assert find_build((cache / "tensorrt",), facts, "sm89") == built[0]
    with pytest.raises(EngineError, match=r"was built for gpu 'sm80,sm89', not 'sm120': allaprima build embedded --engine"):
        find_build((cache / "tensorrt",), facts, "sm120")


@pytest.mark.parametrize("gpus", [GPUS, GPUS[1:]])
def test_nothing_is_built_twice(gpus: tuple[str, ...], built: Built, student: Student, cache: Path) -> None:
    """Asked for again, or for some of its GPUs, a build is only found."""
    said: list[str] = []
    assert build_plans(student, SIZES, cache, gpus, said.append, flavour=FLAVOUR) == built[0]
    assert said == []


def test_a_build_of_another_kind_is_refused(built: Built, student: Student, cache: Path) -> None:
    """A folder whose sidecar says something else is refused, with the field and what to do."""
    sidecar = built[0] / "built.json"
    sound = sidecar.read_text()
    sidecar.write_text(sound.replace(f"tensorrt_rtx {FLAVOUR.version}", "tensorrt_rtx 1.6.0"))
    try:
        with pytest.raises(EngineError, match=r"was built for backend 'tensorrt_rtx 1.6.0', not .*; delete "):
            build_plans(student, SIZES, cache, GPUS, print, flavour=FLAVOUR)
    finally:
        sidecar.write_text(sound)


@pytest.mark.parametrize("name", GRAPHS)
def test_types_as_tensorrt_reads_them(name: str, student: Student, tmp_path: Path) -> None:
    """In TensorRT's own network every product and norm is in half precision, and every output as it was exported."""
    trt = FLAVOUR.module
    assert student.graphs is not None
    write_typed(student.graphs / f"{name}.onnx", tmp_path / "typed.onnx", "fp16", name)
    network, *_alive = parsed(tmp_path / "typed.onnx")
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    kinds = {trt.LayerType.CONVOLUTION, trt.LayerType.MATRIX_MULTIPLY, trt.LayerType.NORMALIZATION, trt.LayerType.DECONVOLUTION}
    assert {layer.get_output(0).dtype for layer in layers if layer.type in kinds} == {trt.DataType.HALF}
    ends = {network.get_output(i).name: network.get_output(i).dtype for i in range(network.num_outputs)}
    wanted = {
        "text": {"conditioning": trt.DataType.FLOAT},
        "encode": {"latents": trt.DataType.FLOAT},
        "denoise": {"x0": trt.DataType.FLOAT, "x_next": trt.DataType.FLOAT},
        "decode": {"pixels": trt.DataType.UINT8},
    }
    assert ends == wanted[name]


def test_group_norms_as_tensorrt_reads_them(student: Student, tmp_path: Path) -> None:
    """TensorRT norms a map by its groups where it lies, and does not reshape it first."""
    trt = FLAVOUR.module
    assert student.graphs is not None
    write_typed(student.graphs / "denoise.onnx", tmp_path / "typed.onnx", "fp16", "denoise")
    network, *_alive = parsed(tmp_path / "typed.onnx")
    norms = [layer for i in range(network.num_layers) if (layer := network.get_layer(i)).type == trt.LayerType.NORMALIZATION]
    assert len(norms) == 21
    assert {len(norm.get_input(0).shape) for norm in norms} == {4}


def test_weights_in_a_file_of_their_own(student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights too many for one protobuf lie beside the graph, and the plan holds them all the same."""
    assert student.graphs is not None
    monkeypatch.setattr(build, "_EXTERNAL_FROM", 1)
    graph = tmp_path / "typed.onnx"
    write_typed(student.graphs / "text.onnx", graph, "fp16", "text")
    assert graph.stat().st_size < 200_000 < 1_000_000 < (tmp_path / "typed.onnx.data").stat().st_size
    assert plan_of(graph, tmp_path).stat().st_size > (tmp_path / "typed.onnx.data").stat().st_size


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
@pytest.mark.parametrize("graph", ["encode", "decode"])
def test_other_precisions(precision: str, graph: str, student: Student, tmp_path: Path) -> None:
    """TensorRT takes graphs in bf16 and in fp32 too; the decoder has a transposed convolution, which RTX lacks in bf16."""
    assert student.graphs is not None
    write_typed(student.graphs / f"{graph}.onnx", tmp_path / "typed.onnx", precision, graph)
    assert plan_of(tmp_path / "typed.onnx", tmp_path, TensorRtOptions(precision=precision)).stat().st_size > 10_000


def test_a_graph_that_is_rejected(student: Student, tmp_path: Path) -> None:
    """A graph that TensorRT does not take is refused with each node that it does not take, and a remedy."""
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 4, 4])
    nodes = [helper.make_node("Det", ["x"], [name], name=f"odd {name}") for name in ("a", "b")]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n"]) for name in ("a", "b")]
    model = helper.make_model(
        helper.make_graph(nodes, "odd", [x], ends), opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    )
    for name in GRAPHS:
        onnx.save(model, tmp_path / f"{name}.onnx")
    odd = replace(student, graphs=tmp_path)
    with pytest.raises(
        EngineError,
        match=r"rejects the text graph of embedded: Det 'odd a' \(unsupported node: .*Det 'odd b' .*--engine torch",
    ):
        build_plans(odd, (1,), tmp_path, ("sm89",), print, flavour=FLAVOUR)


def test_a_graph_that_cannot_be_typed(student: Student, tmp_path: Path) -> None:
    """A graph with control flow is refused by its node, before TensorRT sees it."""
    info = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "body", [], [info])
    fork = helper.make_node("If", ["choose"], ["out"], name="fork", then_branch=body, else_branch=body)
    inputs = [
        helper.make_tensor_value_info(*of) for of in (("choose", onnx.TensorProto.BOOL, []), ("x", onnx.TensorProto.FLOAT, [1]))
    ]
    model = helper.make_model(
        helper.make_graph([fork], "g", inputs, [helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, [1])]),
        opset_imports=[helper.make_opsetid("", 20)], ir_version=10,
    )  # fmt: skip
    for name in GRAPHS:
        onnx.save(model, tmp_path / f"{name}.onnx")
    with pytest.raises(EngineError, match="the text graph of embedded cannot be typed: If 'fork'"):
        build_plans(replace(student, graphs=tmp_path), (1,), tmp_path, ("sm89",), print, flavour=FLAVOUR)


@pytest.mark.skipif(installed_gpu() is not None, reason="there is a GPU here, on which plans can be stripped")
def test_no_stripping_without_a_gpu(student: Student, tmp_path: Path) -> None:
    """TensorRT-RTX cannot leave out weights on a machine without a GPU: the refusal says so, and nothing is sealed."""
    with pytest.raises(EngineError, match=r"could not build the text graph of embedded: .*leave out their stripping"):
        build_plans(student, (1,), tmp_path, ("sm89",), print, TensorRtOptions(stripped=True), FLAVOUR)
    assert not list(tmp_path.rglob("built.json"))


def test_no_room_for_plans(student: Student, tmp_path: Path) -> None:
    """Where plans cannot be written the folder is named, and that another may be chosen."""
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, most))
    try:
        with pytest.raises(EngineError, match=r"cannot be written to .*: free space there, or choose another folder"):
            build_plans(student, (1,), tmp_path, ("sm89",), print, flavour=FLAVOUR)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))


def test_a_gpu_that_is_not_built_for(student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An architecture that RTX lacks is refused at once, with those that it has."""
    monkeypatch.setattr(build, "installed_gpu", lambda: None)
    with pytest.raises(EngineError, match=r"does not build for sm90; it does for .*sm80, sm86, sm89, sm120"):
        build_plans(student, (1,), tmp_path, ("sm80", "sm90"), print, flavour=FLAVOUR)
    assert not list(tmp_path.iterdir())


def test_without_tensorrt(student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no TensorRT is installed that is said, with what to install."""

    def gone(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("engines.tensorrt.flavour.importlib.import_module", gone)
    monkeypatch.setattr(build, "installed_gpu", lambda: None)
    with pytest.raises(EngineError, match=r"TensorRT is not installed: pip install 'allaprima\[tensorrt-rtx\]'"):
        build_plans(student, (1,), tmp_path, (), print)


@pytest.mark.parametrize("asked", [(), ("ampere+",), ("sm86",)])
def test_for_every_gpu(asked: tuple[str, ...], student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without a GPU a build is for every one from Ampere on, unless some are named."""
    orders: list[Order] = []

    def note(flavour: Flavour, logger: Any, monitor: Any, timings: TimingCache, order: Order, plan: Path) -> None:
        orders.append(order)
        plan.write_bytes(b"plan")

    monkeypatch.setattr(build, "installed_gpu", lambda: None)
    monkeypatch.setattr(build, "write_plan", note)
    folder = build_plans(student, (4, 1), tmp_path, asked, print, flavour=FLAVOUR)
    gpus = ("sm86",) if asked == ("sm86",) else choose_gpus(FLAVOUR, ("ampere+",), None)
    assert json.loads((folder / "built.json").read_text())["gpu"] == ",".join(gpus)
    assert [order.sizes for order in orders] == [(1,), (1, 4), (1, 4), (1, 4)]
    assert {order.gpus for order in orders} == {gpus}


def test_ampere_and_later_in_earnest(student: Student, tmp_path: Path) -> None:
    """A plan for every GPU from Ampere on is built in one go, at the least level and in a bounded workspace."""
    assert student.graphs is not None
    write_typed(student.graphs / "encode.onnx", tmp_path / "typed.onnx", "fp16", "encode")
    order = Order(
        "encode",
        tmp_path / "typed.onnx",
        (1, 2),
        choose_gpus(FLAVOUR, ("ampere+",), None),
        TensorRtOptions(level=0, workspace=256),
    )
    said: list[str] = []
    say: Callable[[str], None] = said.append
    monitor = make_monitor(FLAVOUR, Progress("encode", say, every=0))
    plan = tmp_path / "encode.plan"
    write_plan(FLAVOUR, make_logger(FLAVOUR), monitor, TimingCache(FLAVOUR, tmp_path, None), order, plan)
    assert plan.stat().st_size > 10_000
    assert any(line.startswith("encode: ") and " of " in line for line in said)
