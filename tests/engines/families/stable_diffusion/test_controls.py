"""Students with control networks: whole pictures as diffusers' own pipelines paint them, and what is no control of theirs."""

import inspect
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from engines.choices import Choices
from engines.engine import Engine, Row
from engines.errors import EngineError
from engines.examples import example_inputs
from engines.families.stable_diffusion.build import read_modules
from engines.families.stable_diffusion.controls import read_control, read_control_file
from engines.families.stable_diffusion.graphs import modules_around
from engines.graphs import ports
from engines.noise import noise
from engines.openvino_engine import OpenVinoEngine
from engines.options import OpenVinoOptions, TorchOptions
from engines.prepare import prepare
from engines.pytorch.networks import typed_graphs
from engines.pytorch.reference import TorchEngine
from engines.students import load_student
from engines.students.files import BadStudent, parse_student

from . import published
from .compare import pipeline_of, same
from .shipped import Mirror
from .stability_layout import control_to_stability

LCM, TURBO, DMD2 = "lcm-dreamshaper-v7", "sd-turbo", "dmd2-sdxl-1step"
SIDE, SEED, PROMPT = 64, 11, "a Red, red fox"
GREY_LEVELS = 1
CONTROLS = {
    LCM: {"net": "net-sd15", "adapter": "adapter-sd15-1"},
    TURBO: {"net": "net-sd21"},
    DMD2: {"net": "net-sdxl", "other": "net-sdxl", "adapter": "adapter-sdxl-3"},
}
"""By student, its controls and their folders."""
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """The repositories of three students, one of each architecture, and control networks for them."""
    made = Mirror(tmp_path_factory.mktemp("hub"))
    torch.manual_seed(400)
    for name in (LCM, TURBO, DMD2):
        student = load_student(name)
        made.write(student)
        architecture = student.architecture
        guidance = 16 if student.guidance else None
        published.write_network(made.root / f"net-{architecture}", published.control_net(architecture, guidance))
        for colours in (1, 3):
            published.write_network(made.root / f"adapter-{architecture}-{colours}", published.adapter(architecture, colours))
    return made


@pytest.fixture(scope="module")
def get_engines(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Engine]]:
    """`get_engines(name)`: of a student with all of its CONTROLS, in one step, by each library; the same ones each time."""
    made: dict[str, list[Engine]] = {}
    cache = tmp_path_factory.mktemp("cache")

    def get(name: str) -> list[Engine]:
        if name not in made:
            student = load_student(name)
            places = tuple((control, str(mirror.root / folder)) for control, folder in CONTROLS[name].items())
            choices = Choices(width=SIDE, height=SIDE, weights=mirror.root, controls=places)
            ready = prepare(student, cache, choices, lambda said: None)
            ready = replace(ready, contract=replace(ready.contract, times=(399.0,) if name == DMD2 else (999.0,)))
            options = OpenVinoOptions("fp32", threads=1)
            made[name] = [OpenVinoEngine(ready, (2,), cache, options), TorchEngine(ready, (2,))]
        return made[name]

    return get


@pytest.fixture
def shown(picture: Any) -> Pixels:
    """What a control network sees."""
    pixels: Pixels = picture(5, SIDE, SIDE)
    return pixels


def _row(engine: Engine, job: int = 1, image: Pixels | None = None, **more: Any) -> Row:
    contract = engine.student.contract
    [step] = contract.still() if image is None else contract.repaint(0.5)
    return Row(job, 0, step, True, engine.condition(PROMPT), SEED, image, 6.0, **more)


def _told(engine: Engine, **shown: tuple[Pixels, float]) -> dict[str, Any]:
    """What a row is told of an engine's controls: pictures and scales by name; the others count nothing."""
    nothing = np.zeros((SIDE, SIDE, 3), np.uint8), 0.0
    each = [shown.get(control.name, nothing) for control in engine.student.controls]
    return {"control": np.stack([picture for picture, _ in each]), "scale": np.array([s for _, s in each], np.float32)}


def _paint(engine: Engine, *rows: Row) -> list[Pixels]:
    painted = engine.tick(list(rows))
    assert [one.error for one in painted] == [None] * len(rows)
    return [one.image for one in painted if one.image is not None]


def _close(ours: Pixels, theirs: Any) -> bool:
    theirs = np.asarray(theirs)
    assert theirs.std() > 10
    return bool(abs(ours.astype(int) - theirs).max() <= GREY_LEVELS)


def _pipeline(kind: str, mirror: Mirror, name: str, patch: pytest.MonkeyPatch, **more: Any) -> Any:
    """A pipeline of diffusers of a student's files, its scheduler the student's, which draws our noise."""
    import diffusers
    from diffusers import AutoencoderTiny, EulerDiscreteScheduler, LCMScheduler

    weights = load_student(name).weights
    assert weights is not None
    base = pipeline_of(mirror.root / weights.base.repo, **({"variant": "fp16"} if name != LCM else {}))  # type: ignore[attr-defined]
    parts = base.components | {"vae": AutoencoderTiny.from_pretrained(str(mirror.root / weights.tiny.repo))} | more  # type: ignore[attr-defined]
    taken = inspect.signature(getattr(diffusers, kind)).parameters
    made = getattr(diffusers, kind)(**{name: part for name, part in parts.items() if name in taken})
    config = made.scheduler.config
    if name == TURBO:
        made.scheduler = EulerDiscreteScheduler.from_config(config)
    else:
        made.scheduler = LCMScheduler.from_config(config)
    if name == DMD2:
        file = mirror.root / "tianweiy/DMD2/dmd2_sdxl_1step_unet_fp16.bin"
        made.unet.load_state_dict(torch.load(file, weights_only=True))
    made.set_progress_bar_config(disable=True)
    patch.setattr(f"{type(made).__module__}.randn_tensor", lambda *_, **__: _noise())
    return made


def _noise() -> torch.Tensor:
    return torch.from_numpy(noise(SEED, 0, (1, 4, SIDE // 8, SIDE // 8)))


def _net(mirror: Mirror, architecture: str) -> Any:
    from diffusers import ControlNetModel

    return ControlNetModel.from_pretrained(str(mirror.root / f"net-{architecture}"))


def _adapter(mirror: Mirror, architecture: str, colours: int) -> Any:
    from diffusers import T2IAdapter

    return T2IAdapter.from_pretrained(str(mirror.root / f"adapter-{architecture}-{colours}"))


def test_control_net(mirror: Mirror, get_engines: Any, shown: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stable Diffusion 1.5 with a ControlNet paints as StableDiffusionControlNetPipeline does, at a scale of its own."""
    pipeline = _pipeline("StableDiffusionControlNetPipeline", mirror, LCM, monkeypatch, controlnet=_net(mirror, "sd15"))
    theirs = pipeline(
        PROMPT, Image.fromarray(shown), SIDE, SIDE, 1, guidance_scale=7.0, controlnet_conditioning_scale=0.8
    ).images[0]  # fmt: skip
    for engine in get_engines(LCM):
        [ours] = _paint(engine, _row(engine, inputs=_told(engine, net=(shown, 0.8))))
        assert _close(ours, theirs)
        [without] = _paint(engine, _row(engine))
        assert not _close(without, theirs)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_control_net_beside_a_picture(
    mirror: Mirror, get_engines: Any, shown: Pixels, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stable Diffusion 2.1 repaints a picture under a ControlNet as StableDiffusionControlNetImg2ImgPipeline does."""
    pipeline = _pipeline(
        "StableDiffusionControlNetImg2ImgPipeline", mirror, TURBO, monkeypatch, controlnet=_net(mirror, "sd21")
    )
    image = picture(6, SIDE, SIDE)
    theirs = pipeline(
        PROMPT, Image.fromarray(image), Image.fromarray(shown), SIDE, SIDE, strength=0.5, num_inference_steps=2,
        guidance_scale=0.0, controlnet_conditioning_scale=1.0,
    ).images[0]  # fmt: skip
    for engine in get_engines(TURBO):
        [ours] = _paint(engine, _row(engine, image=image, inputs=_told(engine, net=(shown, 1.0))))
        assert _close(ours, theirs)


def test_control_net_of_sdxl(mirror: Mirror, get_engines: Any, shown: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    """SDXL with two ControlNets paints as StableDiffusionXLControlNetPipeline does with both."""
    net = _net(mirror, "sdxl")
    pipeline = _pipeline("StableDiffusionXLControlNetPipeline", mirror, DMD2, monkeypatch, controlnet=[net, net])
    other = shown[::-1].copy()
    theirs = pipeline(
        PROMPT, image=[Image.fromarray(shown), Image.fromarray(other)], width=SIDE, height=SIDE, num_inference_steps=1,
        guidance_scale=0.0, controlnet_conditioning_scale=[0.5, 1.5], timesteps=[399],
    ).images[0]  # fmt: skip
    for engine in get_engines(DMD2):
        [ours] = _paint(engine, _row(engine, inputs=_told(engine, net=(shown, 0.5), other=(other, 1.5))))
        assert _close(ours, theirs)


@pytest.mark.parametrize(("name", "kind", "colours"), [
    (LCM, "StableDiffusionAdapterPipeline", 1),
    (DMD2, "StableDiffusionXLAdapterPipeline", 3),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:The decode_latents method is deprecated:FutureWarning")
def test_adapter(
    mirror: Mirror, get_engines: Any, shown: Pixels, monkeypatch: pytest.MonkeyPatch, name: str, kind: str,
    colours: int,
) -> None:  # fmt: skip
    """Students with a T2I-Adapter, of grey or of colours, paint as the adapter's pipelines of diffusers do."""
    architecture = load_student(name).architecture
    pipeline = _pipeline(kind, mirror, name, monkeypatch, adapter=_adapter(mirror, architecture, colours))
    seen = Image.fromarray(shown).convert("L" if colours == 1 else "RGB")
    more = {"guidance_scale": 7.0} if name == LCM else {"guidance_scale": 0.0, "timesteps": [399]}
    theirs = pipeline(
        PROMPT, image=seen, width=SIDE, height=SIDE, num_inference_steps=1, adapter_conditioning_scale=0.7, **more
    ).images[0]
    for engine in get_engines(name):
        [ours] = _paint(engine, _row(engine, inputs=_told(engine, adapter=(np.array(seen.convert("RGB")), 0.7))))
        assert _close(ours, theirs)


@pytest.mark.parametrize("name", [LCM, DMD2])
def test_scale_0_is_none(get_engines: Any, shown: Pixels, name: str) -> None:
    """At scale 0, and for a row that is told no picture, it is to the bit as if there were no control networks."""
    _, controlled = get_engines(name)
    ready, modules = controlled.student, read_modules(controlled.student.graphs)
    alone = modules_around(
        modules.denoise.unet, modules.decode.vae, _encoders(modules.text), ready.width, ready.height
    )  # fmt: skip
    plain = TorchEngine(replace(ready, controls=()), (2,), modules=alone)
    [without] = _paint(plain, _row(plain))
    nothing = _told(controlled, net=(shown, 0.0), adapter=(shown, 0.0))
    for inputs in (nothing, {}):
        [ours] = _paint(controlled, _row(controlled, inputs=inputs))
        np.testing.assert_array_equal(ours, without)


def _encoders(text: Any) -> list[Any]:
    return [text.encoder, *([text.encoder_2] if hasattr(text, "encoder_2") else [])]


def test_rows_with_and_without(get_engines: Any, shown: Pixels) -> None:
    """Rows that are shown a picture and rows that are not share ticks, and each is what it is alone."""
    for engine in get_engines(LCM):
        [alone] = _paint(engine, _row(engine, inputs=_told(engine, net=(shown, 1.0))))
        [plain] = _paint(engine, _row(engine))
        together = _paint(engine, _row(engine, 1, inputs=_told(engine, net=(shown, 1.0))), _row(engine, 2))
        for ours, expected in zip(together, (alone, plain), strict=True):
            assert int(abs(ours.astype(int) - expected).max()) <= GREY_LEVELS


def test_as_a_gpu_has_it(get_engines: Any) -> None:
    """Traced and typed for torch on a GPU, the graph reads its pictures and scales, and says what it says in float32."""
    _, engine = get_engines(LCM)
    given = {name: torch.from_numpy(one) for name, one in example_inputs(ports(engine.student))["denoise"].items()}
    said, _ = engine._modules.denoise(*given.values())
    typed = typed_graphs(engine.student, TorchOptions(precision="fp16"))["denoise"]
    taken = [name for name, tensor in typed.tensors.items() if not tensor.output]
    assert {"control", "scale"} <= set(taken)
    (x0,) = typed.graph(*(given[name] for name in taken))
    assert float((x0.float() - said).abs().max()) <= 1e-2


def test_a_picture_of_another_shape(get_engines: Any, shown: Pixels) -> None:
    """Pictures that do not fit are their row's own error, which names them."""
    _, engine = get_engines(LCM)
    inputs = _told(engine, net=(shown, 1.0))
    wrong, right = engine.tick([_row(engine, 1, inputs=inputs | {"control": inputs["control"][:, 1:]}), _row(engine, 2)])
    assert "the control has shape (2, 63, 64, 3), not (2, 64, 64, 3)" in (wrong.error or "")
    assert right.image is not None


# where they come from -------------------------------------------------------------------------------------------------


def test_the_authors_layout() -> None:
    """One file in the layout of ControlNet's authors, or in diffusers', is the network that it was."""
    unet, net = published.unet("sd15"), published.control_net("sd15")
    whole = published.unet("sd15", layers=2)
    own = dict(net.state_dict())
    assert same(read_control_file(control_to_stability(net), unet, "a file"), net)
    assert same(read_control_file(own, unet, "a file"), net)
    with pytest.raises(EngineError, match="goes with UNets of its own base only"):
        read_control_file(own, whole, "a file")


@pytest.mark.parametrize("architecture", ["sd15", "sd21", "sdxl"])
def test_of_another_base(architecture: str) -> None:
    """A control network of another base is refused, by what does not fit, and said to be."""
    other = {"sd15": "sdxl", "sd21": "sdxl", "sdxl": "sd15"}[architecture]
    unet = published.unet(architecture)
    for network, why in ((published.control_net(other), "cross_attention_dim"), (published.adapter(other), "full_adapter")):
        config = {**network.config, "_class_name": type(network).__name__}
        with pytest.raises(EngineError, match=f"the control it is of another base than this student.*its? .*{why}"):
            read_control(config, network.state_dict(), unet, "the control it")


def test_no_control(tmp_path: Path) -> None:
    """A network of another kind, an adapter in one file, and a UNet are no controls, and each is told what would be."""
    unet, net = published.unet("sd15"), published.adapter("sd15")
    with pytest.raises(EngineError, match="holds a UNet2DConditionModel, which is no control known here"):
        read_control({"_class_name": "UNet2DConditionModel"}, {}, unet, "it")
    with pytest.raises(EngineError, match=r"a T2I-Adapter in one file.*give it as a folder"):
        read_control_file(net.state_dict(), unet, "it")
    with pytest.raises(EngineError, match="goes with UNets of its own base only: this student's is of 32 numbers a token"):
        read_control_file(unet.state_dict(), unet, "it")


@pytest.mark.parametrize(
    ("choices", "complaint"),
    [
        ((("canny", "/nowhere/at/all"),), "--control canny: there is nothing at /nowhere/at/all"),
        ((("Canny!", "a/b"),), "a control is called by small letters"),
    ],
)
def test_chosen_wrongly(choices: Any, complaint: str, tmp_path: Path) -> None:
    """What is no place for weights, and no name, is said before anything is fetched."""
    with pytest.raises(EngineError, match=complaint):
        prepare(load_student(LCM), tmp_path, Choices(controls=choices), lambda said: None)


def test_in_a_students_file(tmp_path: Path) -> None:
    """A student's file says where its controls are, which eye is theirs, and under which licence."""
    text = (Path(published.__file__).parents[4] / "engines/students/sd-turbo.toml").read_text()
    text += """
[control.edges]
repo = "thibaud/controlnet-sd21-canny-diffusers"
eye = "canny"
scale = 0.9
licence = "other: see its page"
"""
    student = parse_student(tomllib.loads(text), tmp_path)
    [control] = student.controls
    assert (control.name, control.eye, control.scale, control.licence) == ("edges", "canny", 0.9, "other: see its page")
    assert student.weights is not None
    assert student.weights.described()["controls"] == {"edges": "thibaud/controlnet-sd21-canny-diffusers"}
    for wrong, complaint in (("scale = 0.9", "scale = 3.0"), ("licence =", "# licence ="), ('eye = "canny"', 'eye = "C!"')):
        with pytest.raises(BadStudent, match=r"control.edges|an eye is called"):
            parse_student(tomllib.loads(text.replace(wrong, complaint)), tmp_path)
