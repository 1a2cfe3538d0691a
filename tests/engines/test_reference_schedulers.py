"""The independent reference: other people's samplers, and papers' update rules, against the seven numbers.

Each test runs a sampler that knows nothing of contracts (diffusers' own schedulers, driven as its pipelines drive them,
or a rule written out here in its paper's variables) and the plain loop over a contract's steps, with the same network and
the same noise, and wants the same picture. The network is a fixed function that depends on its input and its time.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engines.noise import noise
from engines.student.contract import Contract
from engines.students import load_student

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

# diffusers hands torch's arrays to numpy in a way that numpy 2 calls old
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Tensor = Any
SHAPE = (1, 4, 8, 8)
PICTURE = torch.from_numpy(noise(77, 0, SHAPE)).double() * 0.8
STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def z(index: int) -> Tensor:
    """The noise of a job's step, as engines draw it."""
    return torch.from_numpy(noise(5, index, SHAPE)).double()


def net(x: Tensor, t: float) -> Tensor:
    """Neither linear in x, nor local, nor indifferent to a time that is off by one."""
    return torch.tanh(0.7 * x + 0.4 * torch.roll(x, 1, -1) + math.cos(t / 40)) + 0.2 * torch.sin(3 * x + t)


def ours(contract: Contract, strength: float | None = None) -> Tensor:
    """The loop that every engine does."""
    steps = contract.still() if strength is None else contract.repaint(strength)
    x = steps[0].a_img * PICTURE + steps[0].a_z * z(0)
    for index, step in enumerate(steps):
        x0 = step.A * x + step.B * net(x, step.t)
        x = step.alpha_next * x0 + step.sigma_next * z(index + 1)
    return x0


def of(name: str) -> Contract:
    return load_student(name).contract


def follow(scheduler: Any, start: int | None = None, **options: Any) -> Tensor:
    """What diffusers' pipelines do with a scheduler: a still, or img2img from the timestep at index `start`."""
    timesteps = scheduler.timesteps[start or 0 :]
    if start is None:
        x = z(0) * scheduler.init_noise_sigma
    else:
        scheduler.set_begin_index(start)
        x = scheduler.add_noise(PICTURE, z(0), timesteps[:1])
    for t in timesteps:
        x = scheduler.step(net(scheduler.scale_model_input(x, t), float(t)), t, x, **options).prev_sample
    return x


def same(a: Tensor, b: Tensor) -> None:
    # diffusers keeps its tables in float32, and at the last level the network's answer counts 14.6 times
    torch.testing.assert_close(a.double(), b.double(), rtol=2e-5, atol=2e-5)
    assert float(a.std()) > 0.1


@pytest.fixture(autouse=True)
def fresh_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedulers draw our noise: that of the next step, each time."""
    draws: Iterator[Tensor] = (z(index) for index in itertools.count(1))
    for module in ("lcm", "tcd", "scm", "euler_ancestral_discrete"):
        monkeypatch.setattr(f"diffusers.schedulers.scheduling_{module}.randn_tensor", lambda *_, **__: next(draws))


# consistency models: diffusers' LCMScheduler


@pytest.mark.parametrize(
    ("name", "timesteps"),
    [
        ("dmd2-sdxl-1step", {"timesteps": [399]}),
        ("disback-sdxl", {"timesteps": [399]}),
        ("hyper-sdxl-unet", {"timesteps": [800]}),
        ("swiftbrush-v2", {"timesteps": [999]}),
        ("dmd2-sdxl-4step", {"timesteps": [999, 749, 499, 249]}),
        ("dmd2-sdxl-4step-lora", {"timesteps": [999, 749, 499, 249]}),
        ("pso-sdxl", {"timesteps": [999, 749, 499, 249]}),
        ("lcm-lora-sd15", {"num_inference_steps": 4}),
        ("lcm-lora-sdxl", {"num_inference_steps": 4}),
        ("lcm-dreamshaper-v7", {"num_inference_steps": 4}),
        ("slam-sd15-lora", {"num_inference_steps": 4}),
    ],
)
def test_lcm(name: str, timesteps: dict[str, Any]) -> None:
    """Stills are LCMScheduler's, at its default four steps or at a student's own timesteps."""
    scheduler = diffusers.LCMScheduler(**STABLE_DIFFUSION)
    scheduler.set_timesteps(**timesteps)
    same(ours(of(name)), follow(scheduler))


@pytest.mark.parametrize(("strength", "start"), [(1.0, 0), (0.75, 1), (0.5, 2), (0.25, 3)])
@pytest.mark.parametrize("name", ["dmd2-sdxl-4step", "pso-sdxl"])
def test_lcm_img2img_at_levels(name: str, strength: float, start: int) -> None:
    """Img2img of a student of four levels is the pipeline's, which drops the steps above the strength."""
    scheduler = diffusers.LCMScheduler(**STABLE_DIFFUSION)
    scheduler.set_timesteps(timesteps=[999, 749, 499, 249])
    same(ours(of(name), strength), follow(scheduler, start))


@pytest.mark.parametrize(
    ("strength", "timesteps"),
    [
        (1.0, [999, 759, 499, 259]), (0.9, [899, 759, 499, 259]), (0.6, [599, 499, 259]), (0.5, [499, 259]), (0.2, [199]),
        (0.002, [1]), (0.001, [0]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["lcm-lora-sd15", "slam-sd15-lora"])
def test_lcm_img2img(name: str, strength: float, timesteps: list[int]) -> None:
    """Img2img at any strength is LCMScheduler's from that timestep on, boundary condition and all."""
    scheduler = diffusers.LCMScheduler(**STABLE_DIFFUSION)
    scheduler.set_timesteps(timesteps=timesteps)
    same(ours(of(name), strength), follow(scheduler, 0))


@pytest.mark.parametrize("kind", ["epsilon", "v", "sample"])
def test_lcm_of_other_predictions(kind: str) -> None:
    """What a network's output means is LCMScheduler's prediction_type, for all there are."""
    scheduler = diffusers.LCMScheduler(**STABLE_DIFFUSION, prediction_type={"v": "v_prediction"}.get(kind, kind))
    scheduler.set_timesteps(4)
    same(ours(replace(of("lcm-lora-sd15"), prediction=kind)), follow(scheduler))


# trajectory consistency: diffusers' TCDScheduler


@pytest.mark.parametrize(
    ("name", "steps", "eta"), [("tcd-sd15-lora", 4, 0.3), ("hyper-sd15-lora", 1, 1.0), ("hyper-sdxl-lora", 1, 1.0)]
)
def test_tcd(name: str, steps: int, eta: float) -> None:
    """Stills are TCDScheduler's at a student's steps and eta."""
    scheduler = diffusers.TCDScheduler(**STABLE_DIFFUSION)
    scheduler.set_timesteps(steps)
    same(ours(of(name)), follow(scheduler, eta=eta))


@pytest.mark.parametrize("kind", ["epsilon", "v", "sample"])
@pytest.mark.parametrize("eta", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_tcd_of_any_eta(kind: str, eta: float, steps: int) -> None:
    """So they are at other etas, steps and predictions."""
    scheduler = diffusers.TCDScheduler(**STABLE_DIFFUSION, prediction_type={"v": "v_prediction"}.get(kind, kind))
    scheduler.set_timesteps(steps)
    times = tuple(float(t) for t in scheduler.timesteps)
    same(ours(replace(of("tcd-sd15-lora"), prediction=kind, eta=eta, times=times)), follow(scheduler, eta=eta))


@pytest.mark.parametrize(("name", "eta"), [("tcd-sd15-lora", 0.3), ("hyper-sd15-lora", 1.0)])
@pytest.mark.parametrize("strength", [1.0, 0.75, 0.5, 0.2])
def test_tcd_img2img(name: str, eta: float, strength: float) -> None:
    """Img2img at any strength is TCDScheduler's from that timestep on."""
    start = 1000 * strength - 1
    scheduler = diffusers.TCDScheduler(**STABLE_DIFFUSION)
    scheduler.set_timesteps(timesteps=[int(start), *(int(t) for t in of(name).times if t < start)])
    same(ours(of(name), strength), follow(scheduler, 0, eta=eta))


# straight steps: diffusers' Euler schedulers of trailing timesteps, and DDIM


@pytest.mark.parametrize(("name", "steps", "kind"), [
    ("sd-turbo", 1, "epsilon"), ("sdxl-lightning-1step", 1, "sample"), ("sdxl-lightning-4step", 4, "epsilon"),
])  # fmt: skip
def test_euler(name: str, steps: int, kind: str) -> None:
    """Stills are EulerDiscreteScheduler's, which starts from sigma * z."""
    scheduler = diffusers.EulerDiscreteScheduler(**STABLE_DIFFUSION, timestep_spacing="trailing", prediction_type=kind)
    scheduler.set_timesteps(steps)
    same(ours(of(name)), follow(scheduler))


@pytest.mark.parametrize(("strength", "start"), [(1.0, 0), (0.75, 1), (0.5, 2), (0.25, 3)])
def test_euler_img2img_at_levels(strength: float, start: int) -> None:
    """Img2img of a student of four levels is EulerDiscreteScheduler's from there on."""
    scheduler = diffusers.EulerDiscreteScheduler(**STABLE_DIFFUSION, timestep_spacing="trailing")
    scheduler.set_timesteps(4)
    same(ours(of("sdxl-lightning-4step"), strength), follow(scheduler, start))


@pytest.mark.parametrize("kind", ["EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler"])
@pytest.mark.parametrize(("steps", "strength"), [(2, 0.5), (4, 0.25), (5, 0.2), (10, 0.1)])
@pytest.mark.parametrize("name", ["sd-turbo", "sdxl-turbo"])
def test_turbo_img2img(name: str, kind: str, steps: int, strength: float) -> None:
    """One-step img2img is what the model card does: steps * strength is 1, by either of the two schedulers."""
    scheduler = getattr(diffusers, kind)(**STABLE_DIFFUSION, timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    same(ours(of(name), strength), follow(scheduler, steps - 1))


def test_sdxl_turbo() -> None:
    """SDXL-Turbo's ancestral scheduler adds no noise in its one step."""
    scheduler = diffusers.EulerAncestralDiscreteScheduler(**STABLE_DIFFUSION, timestep_spacing="trailing")
    scheduler.set_timesteps(1)
    same(ours(of("sdxl-turbo")), follow(scheduler))


@pytest.mark.parametrize("kind", ["epsilon", "v", "sample"])
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_ddim(kind: str, steps: int) -> None:
    """From noise of unit variance the sampler euler is DDIM without noise, for every prediction."""
    scheduler = diffusers.DDIMScheduler(
        **STABLE_DIFFUSION, timestep_spacing="trailing", clip_sample=False,
        prediction_type={"v": "v_prediction"}.get(kind, kind),
    )  # fmt: skip
    scheduler.set_timesteps(steps)
    times = tuple(float(t) for t in scheduler.timesteps)
    same(ours(Contract("scaled-linear", kind, times, sampler="euler")), follow(scheduler))


@pytest.mark.parametrize("kind", ["epsilon", "v"])
def test_linear_betas(kind: str) -> None:
    """The schedule of DDPM's linear betas is diffusers', too."""
    scheduler = diffusers.LCMScheduler(beta_start=1e-4, beta_end=0.02, beta_schedule="linear",
                                       prediction_type={"v": "v_prediction"}.get(kind, kind))  # fmt: skip
    scheduler.set_timesteps(timesteps=[800, 400])
    same(ours(Contract("linear", kind, (800, 400), boundary=True)), follow(scheduler))


# shifted timesteps: NitroFusion


class ShiftedLCM(diffusers.LCMScheduler):  # type: ignore[name-defined,misc]
    """NitroFusion's LCM: noised to the levels that LCM takes of four, told and turned out as of shift / 1000 of them."""

    def __init__(self, shift: int) -> None:
        super().__init__(**STABLE_DIFFUSION, original_inference_steps=4)
        self.shift = shift

    def told(self, level: Tensor) -> Tensor:
        return torch.div(level * self.shift, 1000, rounding_mode="floor")

    def paint(self, start: int | None = None) -> Tensor:
        x = z(0) if start is None else self.add_noise(PICTURE, z(0), self.timesteps[start : start + 1])
        # LCM looks the next level up by index, so that a time which is in no table does not disturb it
        self.set_begin_index(start or 0)
        for level in self.timesteps[start or 0 :]:
            x = self.step(net(x, float(self.told(level))), self.told(level), x).prev_sample
        return x


@pytest.mark.parametrize(
    ("name", "shift", "steps"), [("nitrosd-realism", 250, 1), ("nitrosd-vibrant", 500, 1), ("nitrosd-realism-4step", 250, 4)]
)
def test_nitrofusion(name: str, shift: int, steps: int) -> None:
    """Stills are NitroFusion's: three tables of times."""
    scheduler = ShiftedLCM(shift)
    scheduler.set_timesteps(steps)
    same(ours(of(name)), scheduler.paint())


@pytest.mark.parametrize(("strength", "start"), [(1.0, 0), (0.75, 1), (0.5, 2), (0.25, 3)])
def test_nitrofusion_img2img(strength: float, start: int) -> None:
    """Img2img noises the picture to the level, and goes on as a still does there."""
    scheduler = ShiftedLCM(250)
    scheduler.set_timesteps(4)
    same(ours(of("nitrosd-realism-4step"), strength), scheduler.paint(start))


# alphas that were written down: SwiftBrush, DMD2 of SD 1.5


@pytest.mark.parametrize("name", ["swiftbrush", "dmd2-sd15"])
def test_written_down_alpha(name: str) -> None:
    """One step of epsilon with the authors' alpha^2 of 0.0047, told 999."""
    signal, rest = 0.0047**0.5, (1 - 0.0047) ** 0.5
    eps = net(z(0), 999.0)
    same(ours(of(name)), (z(0) - rest * eps) / signal)


# rectified flow: InstaFlow's rule is dx = v dt, with the time counted down from 1000 and v from noise to picture


def straight(x: Tensor, times: list[float]) -> Tensor:
    """Follow the velocity from the first time to the last, told 1000 of each."""
    for now, later in itertools.pairwise(times):
        x = x + (now - later) * net(x, 1000.0 * now)
    return x


def test_instaflow() -> None:
    """One step of rectified flow: z + v(z, 1000)."""
    same(ours(of("instaflow-0.9b")), straight(z(0), [1.0, 0.0]))


def test_2_rectified_flow() -> None:
    """Eight equal steps of rectified flow."""
    same(ours(of("2-rectified-flow")), straight(z(0), [1 - i / 8 for i in range(9)]))


@pytest.mark.parametrize("strength", [1.0, 0.9, 0.5, 0.3, 0.05])
def test_2_rectified_flow_img2img(strength: float) -> None:
    """Img2img starts on the straight line between the picture and the noise, and goes on by the same eighths."""
    start = (1 - strength) * PICTURE + strength * z(0)
    eighths = [i / 8 for i in range(7, -1, -1) if i / 8 < strength]
    same(ours(of("2-rectified-flow"), strength), straight(start, [strength, *eighths]))


@pytest.mark.parametrize("sigmas", [[1.0], [1.0, 0.75, 0.5, 0.25], [1.0, 0.9545, 0.9, 0.3]])
def test_flow_matching(sigmas: list[float]) -> None:
    """Flow models whose output points from picture to noise are FlowMatchEulerDiscreteScheduler's."""
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0)
    scheduler.set_timesteps(sigmas=sigmas)
    x = z(0)
    for t in scheduler.timesteps:
        x = scheduler.step(net(x, float(t)), t, x).prev_sample
    same(ours(Contract("flow", "flow", tuple(sigmas), sampler="euler", options={"time_scale": 1000.0})), x)


# TrigFlow: SANA-Sprint by diffusers' SCMScheduler, and the change of variables of its pipeline

SANA = Contract("trigflow", "flow", (1.5708, 1.3))


def sana(scheduler: Any, x: Tensor, sigma_data: float = 0.5) -> Tensor:
    """From x, of deviation sigma_data, to the picture: the network sees a flow, the scheduler wants TrigFlow's output."""
    for angle in scheduler.timesteps[:-1].double():
        s = float(angle.sin() / (angle.sin() + angle.cos()))
        length = math.hypot(s, 1 - s)
        seen = x / sigma_data * length
        told = ((1 - 2 * s) * seen + (1 - 2 * s + 2 * s * s) * net(seen, s)) / length
        x, clean = scheduler.step(told * sigma_data, angle, x, return_dict=False)
    return clean / sigma_data


@pytest.mark.parametrize("steps", [1, 2])
def test_sana_sprint(steps: int) -> None:
    """SANA-Sprint's one step and two are flows in the network's own space."""
    scheduler = diffusers.SCMScheduler()
    scheduler.set_timesteps(steps, intermediate_timesteps=1.3 if steps == 2 else None)
    scheduler.set_begin_index(0)
    same(ours(replace(SANA, times=SANA.times[:steps])), sana(scheduler, z(0) * 0.5))


@pytest.mark.parametrize("strength", [0.9, 0.5, 0.1])
def test_sana_sprint_img2img(strength: float) -> None:
    """Img2img mixes picture and noise by cosine and sine of the angle."""
    angle = strength * math.pi / 2
    later = [t for t in SANA.times if t < angle]
    scheduler = diffusers.SCMScheduler()
    options = {"max_timesteps": None, "intermediate_timesteps": None}
    scheduler.set_timesteps(1 + len(later), timesteps=[angle, *later, 0.0], **options)
    scheduler.set_begin_index(0)
    start = (math.cos(angle) * PICTURE + math.sin(angle) * z(0)) * 0.5
    same(ours(replace(SANA, strengths="any"), strength), sana(scheduler, start))


# EDM: noise of any size beside data of sigma_data


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_edm(steps: int) -> None:
    """EDM's network, preconditioned and told ln(sigma) / 4, is EDMEulerScheduler's."""
    scheduler = diffusers.EDMEulerScheduler()
    scheduler.set_timesteps(steps)
    x = z(0) * scheduler.sigmas[0]
    for t in scheduler.timesteps:
        x = scheduler.step(net(scheduler.scale_model_input(x, t), float(t)), t, x).prev_sample
    times = tuple(float(sigma) for sigma in scheduler.sigmas[:-1])
    same(ours(Contract("edm", "edm", times, sampler="euler", start="level")), x)


def test_sim() -> None:
    """SIM: from noise of 2.5 straight to x - 2.5 eps, while the network sees x at unit variance and is told a table's index."""
    x = 2.5 * z(0)
    eps = net(x / math.sqrt(1 + 2.5**2), 440.0)
    contract = Contract("edm", "epsilon", (2.5,), start="level", network_times=(440.0,), options={"sigma_data": 1.0})
    same(ours(contract), x - 2.5 * eps)


# the other convention of the turbos, which ours is not


def test_turbo_of_unit_noise() -> None:
    """Stability's own code shows SD-Turbo noise of unit variance: a contract can say that, and it is another picture."""
    alphas = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)
    alpha, sigma = float(alphas[999] ** 0.5), float((1 - alphas[999]) ** 0.5)
    unit = ours(replace(of("sd-turbo"), start="unit"))
    same(unit, (z(0) - sigma * net(z(0), 999.0)) / alpha)
    assert float((unit - ours(of("sd-turbo"))).abs().max()) > 0.01


# the proof can fail


@pytest.mark.parametrize(
    "change",
    [
        {"times": (999, 759, 499, 259)}, {"sampler": "euler"}, {"start": "level"}, {"prediction": "v"},
        {"options": {"alpha_squared": 0.0047}}, {"network_times": (998, 749, 499, 249)}, {"map_times": (999, 749, 498, 249)},
        {"schedule": "linear"}, {"sampler": "tcd", "eta": 1.0},
    ],
)  # fmt: skip
def test_other_numbers_are_noticed(change: dict[str, Any]) -> None:
    """Any one number that is not DMD2's gives a picture that is not its."""
    scheduler = diffusers.LCMScheduler(**STABLE_DIFFUSION)
    scheduler.set_timesteps(timesteps=[999, 749, 499, 249])
    expected = follow(scheduler)
    same(ours(of("dmd2-sdxl-4step")), expected)
    with pytest.raises(AssertionError):
        same(ours(replace(of("dmd2-sdxl-4step"), **change)), expected)
