"""From weights in their repositories to pictures: as diffusers' pipelines paint them, on the same noise.

One student comes through a hub, with its full VAE; the other from a mirror, with one file for its UNet and a tiny VAE.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.choices import Choices
from engines.engine import Engine, Row
from engines.errors import EngineError
from engines.noise import noise
from engines.openvino_engine import OpenVinoEngine
from engines.options import OpenVinoOptions
from engines.prepare import prepare
from engines.pytorch.reference import TorchEngine
from engines.student import Student
from engines.students import load_student

from .compare import pipeline_of
from .hub_server import point_at, serving
from .shipped import Mirror

LCM, DMD2 = "lcm-dreamshaper-v7", "dmd2-sdxl-1step"
SIDE, SEED, PROMPT = 64, 11, "a Red, red fox: été"
GREY_LEVELS = 1
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """The repositories of both students."""
    made = Mirror(tmp_path_factory.mktemp("hub"))
    for name in (LCM, DMD2):
        made.write(load_student(name))
    return made


@pytest.fixture(scope="module")
def lcm(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Student:
    """LCM of Dreamshaper with its full VAE, downloaded and built; in one step, so that no second noise is drawn."""
    with serving(mirror.root) as hub, pytest.MonkeyPatch.context() as patch:
        point_at(hub.url, tmp_path_factory.mktemp("downloads"), patch)
        choices = Choices(width=SIDE, height=SIDE, full_vae=True)
        student = prepare(load_student(LCM), tmp_path_factory.mktemp("cache"), choices, lambda said: None)
    return replace(student, contract=replace(student.contract, times=(999.0,)))


@pytest.fixture(scope="module")
def dmd2(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Student:
    """DMD2 of SDXL, from a mirror."""
    choices = Choices(width=SIDE, height=SIDE, weights=mirror.root)
    return prepare(load_student(DMD2), tmp_path_factory.mktemp("cache"), choices, lambda said: None)


@pytest.fixture(scope="module")
def lcm_pipeline(mirror: Mirror) -> Any:
    """diffusers' pipeline of the same files."""
    from diffusers import LatentConsistencyModelPipeline, LCMScheduler

    base = pipeline_of(mirror.root / "SimianLuo/LCM_Dreamshaper_v7")
    parts = base.components | {"scheduler": LCMScheduler.from_config(base.scheduler.config)}
    pipeline: Any = LatentConsistencyModelPipeline(**parts, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def dmd2_pipeline(mirror: Mirror) -> Any:
    """diffusers' pipeline of the same files, as DMD2's README puts it together."""
    from diffusers import AutoencoderTiny, LCMScheduler

    pipeline = pipeline_of(mirror.root / "stabilityai/stable-diffusion-xl-base-1.0", variant="fp16")
    file = mirror.root / "tianweiy/DMD2/dmd2_sdxl_1step_unet_fp16.bin"
    pipeline.unet.load_state_dict(torch.load(file, weights_only=True))
    pipeline.scheduler = LCMScheduler.from_config(pipeline.scheduler.config)
    pipeline.vae = AutoencoderTiny.from_pretrained(str(mirror.root / "madebyollin/taesdxl"))
    return pipeline


def _engines(student: Student, cache: Path) -> list[Engine]:
    return [OpenVinoEngine(student, (1,), cache, OpenVinoOptions("fp32")), TorchEngine(student, (1,))]


def _still(engine: Engine, w: float = 0.0) -> Pixels:
    [step] = engine.student.contract.still()
    [painted] = engine.tick([Row(1, 0, step, True, engine.condition(PROMPT), SEED, None, w)])
    assert painted.image is not None, painted.error
    return painted.image


def _painted(pipeline: Any, **options: Any) -> Pixels:
    """What a pipeline paints from the engines' noise in one step."""
    latents = torch.from_numpy(noise(SEED, 0, (1, 4, SIDE // 8, SIDE // 8)))
    image = pipeline(PROMPT, width=SIDE, height=SIDE, latents=latents, num_inference_steps=1, **options).images[0]
    return np.asarray(image)


def _close(ours: Pixels, theirs: Pixels) -> bool:
    assert theirs.std() > 10  # not one grey, which any picture would be close to
    return bool(abs(ours.astype(int) - theirs).max() <= GREY_LEVELS)


def test_dmd2(dmd2: Student, dmd2_pipeline: Any, tmp_path: Path) -> None:
    """DMD2 of SDXL paints as its README runs it, at the time 399, on both engines."""
    theirs = _painted(dmd2_pipeline, guidance_scale=0.0, timesteps=[399])
    assert all(_close(_still(engine), theirs) for engine in _engines(dmd2, tmp_path))


def test_lcm(lcm: Student, lcm_pipeline: Any, tmp_path: Path) -> None:
    """LCM, told a guidance scale of 7, paints as diffusers' own pipeline does; told another, it does not."""
    theirs = _painted(lcm_pipeline, guidance_scale=7.0)
    engines = _engines(lcm, tmp_path)
    assert all(_close(_still(engine, w=6.0), theirs) for engine in engines)
    assert not _close(_still(engines[0], w=0.0), theirs)


def test_conditioning(lcm: Student, lcm_pipeline: Any, tmp_path: Path) -> None:
    """A prompt becomes what the pipeline's text encoder makes of it."""
    ours = _engines(lcm, tmp_path)[0].condition(PROMPT)
    theirs = lcm_pipeline.encode_prompt(PROMPT, "cpu", 1, False)[0]
    assert np.allclose(ours, theirs[0].detach().numpy(), atol=1e-3)  # graphs store weights in half precision


def test_conditioning_of_sdxl(dmd2: Student, dmd2_pipeline: Any, tmp_path: Path) -> None:
    """SDXL's two encoders lie side by side, and the last row is the pooled embedding, padded with zeros."""
    ours = _engines(dmd2, tmp_path)[0].condition(PROMPT)
    rows, _, pooled, _ = dmd2_pipeline.encode_prompt(PROMPT, device="cpu", do_classifier_free_guidance=False)
    assert ours.shape == (78, 80)
    assert np.allclose(ours[:77], rows[0].detach().numpy(), atol=1e-4)
    assert np.allclose(ours[77], np.pad(pooled[0].detach().numpy(), (0, 56)), atol=1e-4)


@pytest.mark.parametrize("name", ["lcm", "dmd2"])
def test_encoding(name: str, request: pytest.FixtureRequest, picture: Any) -> None:
    """A picture becomes the latents that diffusers' VAE gives, scaled, of a full VAE and of a tiny one."""
    image, vae = picture(3, SIDE, SIDE), request.getfixturevalue(f"{name}_pipeline").vae
    ours, _ = TorchEngine(request.getfixturevalue(name), (1,))._encode(image)
    with torch.no_grad():
        encoded = vae.encode(torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 127.5 - 1)
    latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    assert np.allclose(ours, latents[0].numpy() * vae.config.scaling_factor, atol=1e-4)


def test_the_torch_engine_knows_its_weights(lcm: Student, tmp_path: Path) -> None:
    """Graphs that lack a weight of today's networks are refused, and not filled up with zeros."""
    assert lcm.graphs is not None
    folder = tmp_path / "graphs"
    folder.mkdir()
    for path in lcm.graphs.iterdir():
        (folder / path.name).symlink_to(path)
    networks = json.loads((folder / "networks.json").read_text())
    assert networks["unused"] == []
    networks["unet"]["config"]["layers_per_block"] = 2
    (folder / "networks.json").unlink()
    (folder / "networks.json").write_text(json.dumps(networks))
    with pytest.raises(EngineError, match="not of this version's networks"):
        TorchEngine(replace(lcm, graphs=folder), (1,))
