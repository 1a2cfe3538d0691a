"""Proof without weights: whatever network a student is, the picture that it means is the picture that is painted.

A known image maker stands in for every student's network, as its authors' formula would have it (`oracle`). What the
engine paints with the student's seven numbers must be what the authors' own loop makes of the same network in float64,
at every step: to 1e-4. The last tests make the mistakes that people make, and each must be seen.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count, cycle, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.engine import Engine, Row
from engines.masks import Mask
from engines.noise import noise
from engines.openvino_engine import OpenVinoEngine
from engines.options import OpenVinoOptions
from engines.pytorch import reference
from engines.pytorch.reference import TorchEngine
from engines.student.contract import Contract, Step, UnsupportedStrength
from engines.students import load_student, student_names
from tests.engines import oracle
from tests.engines.oracle import ELSEWHERE, PUBLISHED, Latents

EXACT = 1e-4
SEEN = 1e-3
"""An error that no rounding makes."""
MOST_ROWS = 8
Pixels = NDArray[np.uint8]
GUIDED = "lcm-dreamshaper-v7"


def _is_one_step(published: oracle.Published, strength: float | None) -> bool:
    known = published.stills if strength is None else strength in published.strengths
    return known and len(published.times_of(strength)) == 1


NAMES = student_names()
MAKING = [name for name in NAMES if name not in PUBLISHED or PUBLISHED[name].stills]
"""Students that make something of a prompt alone."""
REPAINTING = [name for name in NAMES if name in PUBLISHED and PUBLISHED[name].strengths]
TCD = ("hyper-sd15-lora", "hyper-sdxl-lora", "tcd-sd15-lora")
ONE_STEP = {
    name: strengths
    for name in NAMES
    if (
        strengths := [
            s
            for s in (None, 0.02, 0.25, 0.5, 1.0)
            if name in PUBLISHED and _is_one_step(PUBLISHED[name], s) and (name != "painter" or s is None or s >= 0.3)
        ]
    )
}
"""Students and the strengths at which they paint in one step; None is a still. Below 0.02, LCM's are mostly their input; below
0.3, the painter's is blended with its picture."""

CONTRACTS = {
    "edm": Contract("edm", "edm", (80.0,), start="level"),
    "flux-schnell": Contract("flow", "flow", (1.0, 0.75, 0.5, 0.25), sampler="euler", strengths="any"),
    "pixart-dmd": Contract("linear", "epsilon", (400,)),
    "sana-sprint": Contract("trigflow", "flow", (1.5708, 1.3), strengths="any"),
    "sim": Contract("edm", "epsilon", (2.5,), start="level", network_times=(440,), options={"sigma_data": 1.0}),
    "v": Contract("scaled-linear", "v", (999, 749, 499, 249), sampler="euler", start="level", strengths="levels"),
    "z-image": Contract(
        "flow", "flow-forward", (1.0, 0.9, 0.75, 0.5, 0.3), sampler="euler", network_times=(0.0, 0.1, 0.25, 0.5, 0.7)
    ),
}
"""Families of which no student is registered yet, as a file would say them."""


@dataclass(frozen=True)
class Wish:
    """One image to make: by which student, of what, from a picture or not."""

    name: str
    strength: float | None = None
    picture: str = "boat"
    seed: int = 0
    w: float = 0.0
    masked: bool = False
    scales: tuple[float, ...] | None = None

    @property
    def shown(self) -> list[Pixels]:
        """What its controls are shown."""
        rng = np.random.default_rng(100 + self.seed)
        cell = oracle.SIDE // oracle.LATENTS[1]
        coarse = rng.integers(0, 256, (len(oracle.CONTROLS), *oracle.LATENTS[1:], 3), dtype=np.uint8)
        return list(coarse.repeat(cell, 1).repeat(cell, 2))

    @property
    def inputs(self) -> dict[str, Any]:
        return {} if self.scales is None else {"control": np.stack(self.shown), "scale": np.array(self.scales, np.float32)}

    @property
    def painted(self) -> NDArray[np.bool_]:
        """Which latents are painted anew where it is masked: some cells."""
        chosen = np.random.default_rng(self.seed).random(oracle.LATENTS[1:]) < 0.5
        return np.broadcast_to(chosen, oracle.LATENTS)

    @property
    def mask(self) -> Mask | None:
        cell = oracle.SIDE // oracle.LATENTS[1]
        return (255 * self.painted[0]).astype(np.uint8).repeat(cell, 0).repeat(cell, 1) if self.masked else None

    @property
    def source(self) -> Latents | None:
        return None if self.strength is None else oracle.source(self.seed)

    @property
    def contract(self) -> Contract:
        return CONTRACTS[self.name] if self.name in CONTRACTS else load_student(self.name).contract

    def steps(self, contract: Contract | None = None) -> tuple[Step, ...]:
        by = contract or self.contract
        return by.still() if self.strength is None else by.repaint(self.strength)

    def seen(self) -> list[oracle.Seen]:
        added = None if self.scales is None else oracle.added(list(zip(self.shown, self.scales, strict=True)))
        return oracle.seen(self.name, self.picture, self.seed, self.strength, self.source, self.w, added)


@dataclass
class Painter:
    """An engine of the oracle, and ways to ask it."""

    engine: Engine
    jobs: int = 0
    known: dict[str, Any] = field(default_factory=dict)

    def rows(self, wish: Wish, steps: Sequence[Step]) -> list[Row]:
        """A job's rows, the last of which ends it."""
        self.jobs += 1
        text = oracle.prompt(wish.name, wish.picture)
        if text not in self.known:
            self.known[text] = self.engine.condition(text)
        image = None if wish.source is None else oracle.to_pixels(wish.source)
        opening: tuple[Any, ...] = (image, wish.w, wish.mask, wish.inputs)
        later = repeat((None, wish.w, None, wish.inputs))
        return [
            Row(self.jobs, i, step, i == len(steps) - 1, self.known[text], wish.seed, *more)
            for i, (step, more) in enumerate(zip(steps, chain([opening], later), strict=False))
        ]

    def together(self, jobs: Sequence[list[Row]], rng: random.Random, most: int = MOST_ROWS) -> list[Latents | str]:
        """Jobs in ticks of up to `most` rows, drawn from all that are not done: each one's latents, or its error."""
        rest, done = {i: list(rows) for i, rows in enumerate(jobs)}, dict[int, Latents | str]()
        while rest:
            chosen = rng.sample(sorted(rest), min(len(rest), rng.randint(1, most)))
            painted = self.engine.tick([rest[i].pop(0) for i in chosen])
            for i, result in zip(chosen, painted, strict=True):
                if result.image is not None:
                    done[i] = oracle.to_latents(result.image)
                elif result.error is not None:
                    done[i] = result.error
                if i in done:
                    del rest[i]
        return [done[i] for i in range(len(jobs))]

    def alone(self, rows: list[Row]) -> Latents | str:
        return self.together([rows], random.Random(0), 1)[0]

    def landings(self, wish: Wish, steps: Sequence[Step]) -> list[Latents | str]:
        """Where each step lands: of as many jobs as there are steps, the first ends after one, the second after two..."""
        return [self.alone(self.rows(wish, steps[: done + 1])) for done in range(len(steps))]

    def error(self, wish: Wish, steps: Sequence[Step] | None = None) -> float:
        """The largest distance at any step from what the student's authors make; infinite if there is no picture."""
        steps, seen = wish.steps() if steps is None else steps, wish.seen()
        if len(steps) != len(seen):
            return np.inf
        return max(_distance(got, step.landed.numpy()) for got, step in zip(self.landings(wish, steps), seen, strict=True))


def _distance(got: Latents | str, expected: Latents) -> float:
    return np.inf if isinstance(got, str) else float(np.abs(got - expected).max())


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the oracle's graphs."""
    return oracle.graphs(tmp_path_factory.getbasetemp() / "oracle")


@pytest.fixture(scope="session")
def get_painter(graphs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Painter]]:
    """`get_painter(kind, xl, more)`: an engine of ticks of 1 and 8, the same one each time; `more` is "controlled", with two
    controls, or "handing", whose encoder hands something to its decoder."""
    made: dict[tuple[str, bool, str], Painter] = {}

    def get(kind: str, xl: bool = False, more: str = "") -> Painter:
        if (kind, xl, more) not in made:
            of = oracle.graphs(graphs.parent / more, **{more: True}) if more and kind == "openvino" else graphs
            made[kind, xl, more] = Painter(_make_engine(kind, xl, more, of, tmp_path_factory.mktemp("engines")))
        return made[kind, xl, more]

    yield get
    for painter in made.values():
        painter.engine.close()


def _make_engine(kind: str, xl: bool, more: str, graphs: Path, cache: Path) -> Engine:
    sizes, has = (1, MOST_ROWS), {more: True} if more else {}
    if kind == "openvino":
        return OpenVinoEngine(oracle.small(load_student(GUIDED), graphs, **has), sizes, cache, OpenVinoOptions("fp32", 1))
    student = load_student("sdxl-turbo" if xl else GUIDED)
    with pytest.MonkeyPatch.context() as patch:  # the oracle's modules in place of those that weights would fill
        patch.setattr(reference, "read_modules", lambda _: oracle.modules(xl, **has))
        return TorchEngine(oracle.small(student, oracle.write_tokenizers(cache, 1 + xl), **has), sizes)


@pytest.fixture(params=["openvino", "torch"])
def painter(request: pytest.FixtureRequest, get_painter: Callable[[str, bool], Painter]) -> Painter:
    return get_painter(request.param, False)


# every student --------------------------------------------------------------------------------------------------------


def test_every_student_is_published() -> None:
    """No student is without a loop of its authors here, and no loop without its student."""
    assert set(PUBLISHED) == set(NAMES)


@pytest.mark.parametrize("name", MAKING)
def test_stills(painter: Painter, name: str) -> None:
    """A still is what the student's authors would make, at each of its steps."""
    assert painter.error(Wish(name, picture="heart", seed=1)) <= EXACT


@pytest.mark.parametrize("name", REPAINTING)
def test_repaintings(painter: Painter, name: str) -> None:
    """A repainting is what the student's authors would make, at each of its steps and at every strength."""
    for strength in PUBLISHED[name].strengths:
        assert painter.error(Wish(name, strength, "house", 2)) <= EXACT


@pytest.mark.parametrize("name", ONE_STEP)
def test_one_step_paints_the_picture_itself(painter: Painter, name: str) -> None:
    """Where one step follows, the image is the image maker's own; TCD keeps the noise of time 0 in it."""
    for wish in (Wish(name, strength, "star", 3) for strength in ONE_STEP[name]):
        (seen,) = wish.seen()
        drawn = oracle.made(name, seen.x, seen.t, "star")
        if name in TCD:
            level, least = oracle.STABLE_DIFFUSION[int(seen.t)], oracle.STABLE_DIFFUSION[0]
            eps = (seen.x.numpy() - level**0.5 * drawn) / (1 - level) ** 0.5
            drawn = least**0.5 * drawn + (1 - least) ** 0.5 * eps
        assert _distance(painter.alone(painter.rows(wish, wish.steps())), drawn) <= EXACT


@pytest.mark.parametrize("name", NAMES)
def test_strengths_that_nobody_published_are_refused(name: str) -> None:
    """A student paints at the strengths that its authors made it for and at no other."""
    contract, published = load_student(name).contract, PUBLISHED[name].strengths
    for strength in (0.0, 0.02, 0.25, 0.3, 0.5, 0.75, 0.77, 1.0):
        if published == oracle.ANY or strength in published:
            assert len(contract.repaint(strength)) == len(PUBLISHED[name].times_of(strength))
        else:
            with pytest.raises(UnsupportedStrength):
                contract.repaint(strength)


@pytest.mark.parametrize("name", CONTRACTS)
def test_families_elsewhere(painter: Painter, name: str) -> None:
    """Families that no registered student is of are ready for one: EDM, TrigFlow, flows, v."""
    assert painter.error(Wish(name, picture="moon", seed=4)) <= EXACT
    for strength in ELSEWHERE[name].strengths:
        assert painter.error(Wish(name, strength, "moon", 4)) <= EXACT


@pytest.mark.parametrize("name", [name for name in NAMES if load_student(name).architecture == "sdxl"])
def test_sdxl_is_told_more(get_painter: Callable[[str, bool], Painter], name: str) -> None:
    """In SDXL's graphs, too, the picture is right, and with it the size and the pooled text that the network is told."""
    assert get_painter("torch", True).error(Wish(name, picture="boat", seed=5)) <= EXACT


# in company -----------------------------------------------------------------------------------------------------------


def test_all_students_in_the_same_ticks(painter: Painter) -> None:
    """Rows of all students, steps and strengths may share ticks: every image is, to a pixel's last bit, what it is alone."""
    wishes = [Wish(name, None, "boat", i) for i, name in enumerate([*MAKING, *CONTRACTS])]
    wishes += [
        Wish(name, strength, picture, seed)
        for name, published in (PUBLISHED | ELSEWHERE).items()
        for seed, (strength, picture) in enumerate(zip(published.strengths, cycle(oracle.PICTURES), strict=False))
    ]
    wishes += [Wish(GUIDED, None, "star", 7, w) for w in (0.0, 1.5, 7.0)]
    jobs = [painter.rows(wish, wish.steps()) for wish in wishes]
    alone = [painter.alone(rows) for rows in jobs]
    for round_ in range(3):
        together = painter.together(jobs, random.Random(round_))
        for wish, one, other in zip(wishes, alone, together, strict=True):
            assert _distance(other, wish.seen()[-1].landed.numpy()) <= EXACT
            assert not isinstance(one, str)
            assert _distance(other, one) <= oracle.STEP


@pytest.mark.parametrize("name", REPAINTING)
def test_masks(painter: Painter, name: str) -> None:
    """Of a repainting with a mask, what is painted is the authors', and what is kept the picture to the last bit: alone, and
    beside others with masks and without."""
    wishes = [Wish(name, s, "moon", i, masked=bool(i % 3)) for i, s in enumerate(PUBLISHED[name].strengths)]
    jobs = [painter.rows(wish, wish.steps()) for wish in wishes]
    for painted in ([painter.alone(rows) for rows in jobs], painter.together(jobs, random.Random(1))):
        for wish, got in zip(wishes, painted, strict=True):
            assert not isinstance(got, str)
            anew = wish.painted if wish.masked else np.ones(oracle.LATENTS, bool)
            assert wish.source is not None
            assert _distance(got[anew], wish.seen()[-1].landed.numpy()[anew]) <= EXACT
            np.testing.assert_array_equal(got[~anew], wish.source[~anew])


@pytest.mark.parametrize("kind", ["openvino", "torch"])
def test_controls(get_painter: Callable[..., Painter], kind: str) -> None:
    """Each student's image maker reads the pictures that it is shown, each as much as its scale says, and the server returns
    exactly what it makes: stills and repaintings, alone, and beside jobs that are shown nothing; and masks go with it."""
    painter = get_painter(kind, more="controlled")
    ways: cycle[tuple[float, ...] | None] = cycle([(1.0, 0.0), (0.5, 1.5), None, (0.0, 0.75), (2.0, 1.0)])
    wishes = [Wish(name, None, "star", i, scales=next(ways)) for i, name in enumerate(MAKING)]
    wishes += [Wish(name, PUBLISHED[name].strengths[-2:][0], "boat", i, scales=next(ways)) for i, name in enumerate(REPAINTING)]
    jobs = [painter.rows(wish, wish.steps()) for wish in wishes]
    for painted in ([painter.alone(rows) for rows in jobs], painter.together(jobs, random.Random(2))):
        for wish, got in zip(wishes, painted, strict=True):
            assert _distance(got, wish.seen()[-1].landed.numpy()) <= EXACT
    masked = Wish("sd-turbo", 1.0, "moon", 3, masked=True, scales=(1.0, 0.5))
    got = painter.alone(painter.rows(masked, masked.steps()))
    assert not isinstance(got, str)
    assert masked.source is not None
    assert _distance(got[masked.painted], masked.seen()[-1].landed.numpy()[masked.painted]) <= EXACT
    np.testing.assert_array_equal(got[~masked.painted], masked.source[~masked.painted])


@pytest.mark.parametrize("name", ["sdxl-turbo", "dmd2-sdxl-4step"])
def test_controls_of_sdxl(get_painter: Callable[..., Painter], name: str) -> None:
    """In SDXL's graphs, too, what is shown is read."""
    painter = get_painter("torch", True, "controlled")
    for scales in ((1.0, 0.5), (0.0, 0.0), None):
        assert painter.error(Wish(name, picture="boat", seed=5, scales=scales)) <= EXACT


@pytest.mark.parametrize("kind", ["openvino", "torch"])
def test_what_an_encoder_hands_to_its_decoder(get_painter: Callable[..., Painter], kind: str) -> None:
    """Of students that take the picture itself, an image maker that reads the picture, and a decoder that is handed what its
    encoder saw: the server returns exactly what they make, alone and beside others, each of its own picture."""
    painter = get_painter(kind, more="handing")
    names = [name for name in NAMES if not load_student(name).txt2img]
    assert len(names) == 6
    wishes = [Wish(name, 1.0, picture, i) for i, (name, picture) in enumerate(zip(2 * names, cycle(oracle.PICTURES)))]
    jobs = [painter.rows(wish, wish.steps()) for wish in wishes]
    for painted in ([painter.alone(rows) for rows in jobs], painter.together(jobs, random.Random(3))):
        for wish, got in zip(wishes, painted, strict=True):
            assert wish.source is not None
            assert _distance(got, oracle.with_handed(wish.seen()[-1].landed.numpy(), wish.source)) <= EXACT
    still = painter.rows(Wish("sd-turbo"), Wish("sd-turbo").steps())
    assert "the row lacks its image" in str(painter.alone(still))


def test_guidance_is_told_row_by_row(painter: Painter) -> None:
    """A tick of several guidances gives each row the picture of its own, and nothing to students that are told none."""
    scales = (0.0, 0.5, 3.0, 6.5, 7.0, 13.0)
    wishes = [Wish(GUIDED, 1.0, "moon", 6, w) for w in scales] + [Wish("lcm-lora-sd15", 1.0, "moon", 6, w) for w in (0.0, 7.0)]
    painted = painter.together([painter.rows(wish, wish.steps()) for wish in wishes], random.Random(0))
    for wish, got in zip(wishes, painted, strict=True):
        assert _distance(got, wish.seen()[-1].landed.numpy()) <= EXACT
    told, untold = painted[: len(scales)], painted[len(scales) :]
    assert min(_distance(a, b) for i, a in enumerate(told) for b in told[:i]) > 100 * SEEN  # type: ignore[arg-type]
    assert _distance(*untold) <= oracle.STEP  # type: ignore[arg-type]


# the mistakes that must be seen ---------------------------------------------------------------------------------------


def cast(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The time as an index of a table of a thousand."""
    return tuple(replace(step, t=float(min(int(step.t), 999))) for step in steps)


@pytest.mark.parametrize(
    ("name", "strength", "mistake"),
    [
        ("instaflow-0.9b", None, cast),
        ("2-rectified-flow", None, cast),
        ("2-rectified-flow", 0.3125, cast),
        ("embedded", 0.5, cast),
        ("instaflow-0.9b", None, {"options": {"time_scale": 999.0}}),
        ("instaflow-0.9b", None, {"options": {}}),
        ("instaflow-0.9b", None, {"prediction": "flow"}),
        ("2-rectified-flow", None, {"sampler": "renoise"}),
        ("swiftbrush", None, {"options": {"alpha_squared": 0.00466}}),
        ("swiftbrush", None, {"options": {}}),
        ("dmd2-sd15", None, {"options": {}}),
        ("swiftbrush-v2", None, {"options": {"alpha_squared": 0.0047}}),
        ("swiftbrush-v2", None, {"schedule": "linear"}),
        ("dmd2-sdxl-1step", None, {"times": (999.0,)}),
        ("dmd2-sdxl-1step", None, {"network_times": (999.0,)}),
        ("dmd2-sdxl-1step", None, {"start": "level"}),
        ("disback-sdxl", None, {"times": (400.0,)}),
        ("hyper-sdxl-unet", None, {"times": (999.0,)}),
        ("dmd2-sdxl-4step", None, {"times": (999.0, 759.0, 499.0, 259.0)}),
        ("dmd2-sdxl-4step", 0.75, {"sampler": "euler"}),
        ("pso-sdxl", None, {"times": (399.0,), "strengths": "none"}),
        ("lcm-lora-sd15", None, {"times": (999.0, 749.0, 499.0, 249.0)}),
        ("lcm-lora-sdxl", 0.002, {"boundary": False}),
        ("sd-turbo", None, {"start": "unit"}),
        ("sdxl-turbo", None, {"start": "unit"}),
        ("sd-turbo", 0.5, {"prediction": "v"}),
        ("pix2pix-turbo-edges", 1.0, {"noise": 0.01}),
        ("pix2pix-turbo-sketch", 1.0, {"noise": 0.4}),
        ("cyclegan-turbo-night", 1.0, {"start": "unit", "strengths": "any"}),
        ("sdxl-lightning-1step", None, {"start": "unit"}),
        ("sdxl-lightning-1step", None, {"prediction": "epsilon"}),
        ("sdxl-lightning-4step", None, {"sampler": "renoise"}),
        ("hyper-sd15-lora", None, {"sampler": "renoise"}),
        ("tcd-sd15-lora", None, {"eta": 0.0}),
        ("tcd-sd15-lora", 0.5, {"sampler": "euler"}),
        ("nitrosd-realism", None, {"map_times": ()}),
        ("nitrosd-realism", None, {"map_times": (250.0,)}),
        ("nitrosd-realism", None, {"network_times": (999.0,)}),
        ("nitrosd-realism-4step", None, {"times": (249.0, 187.0, 124.0, 62.0), "map_times": (), "strengths": "none"}),
        ("embedded", 0.5, {"prediction": "sample"}),
        ("embedded", 0.5, {"options": {"strength_power": 1.0}}),
    ],
)  # fmt: skip
def test_mistakes_are_seen(painter: Painter, name: str, strength: float | None, mistake: Any) -> None:
    """A number that is wrong by as little as anyone would get it wrong makes a picture that is wrong, or none."""
    wish = Wish(name, strength, "heart", 8)
    assert painter.error(wish) <= EXACT
    steps = mistake(wish.steps()) if callable(mistake) else wish.steps(replace(wish.contract, **mistake))
    assert painter.error(wish, steps) > SEEN


def test_a_time_between_two_is_no_time(painter: Painter) -> None:
    """A network that is told a time which its table lacks gives no picture, and the row beside it its own."""
    wrong, right = Wish("sd-turbo"), Wish("dmd2-sd15")
    (step,) = wrong.steps()
    bad, good = painter.engine.tick(
        [painter.rows(wrong, [replace(step, t=998.5)])[0], painter.rows(right, right.steps())[0]]
    )  # fmt: skip
    assert "not a number" in (bad.error or "")
    assert good.image is not None
    assert _distance(oracle.to_latents(good.image), right.seen()[-1].landed.numpy()) <= EXACT


# the oracle itself ----------------------------------------------------------------------------------------------------


def _by_diffusers(scheduler: Any, wish: Wish, module: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Latents:
    """A still by a scheduler of diffusers, over the times that it has been set to, with our noises."""
    noises = (torch.from_numpy(noise(wish.seed, index, oracle.LATENTS)) for index in count())
    x = next(noises) * scheduler.init_noise_sigma
    monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: next(noises))
    net = oracle.network(wish.name, wish.picture, wish.w)
    for t in scheduler.timesteps:
        out = net(scheduler.scale_model_input(x, t).double(), float(t)).float()
        x = scheduler.step(out, t, x, return_dict=False, **options)[0]
    return np.asarray(x, dtype=np.float64)


_BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@pytest.mark.parametrize("name", ["disback-sdxl", "hyper-sdxl-unet", "dmd2-sdxl-4step", "lcm-lora-sd15", GUIDED])
def test_lcm_scheduler(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops that are said to be diffusers' LCMScheduler's are."""
    from diffusers.schedulers import scheduling_lcm

    wish, scheduler = Wish(name, seed=9, w=2.0), scheduling_lcm.LCMScheduler(**_BETAS)
    if PUBLISHED[name].times == (999, 759, 499, 259):
        scheduler.set_timesteps(4)  # by itself
    else:
        scheduler.set_timesteps(timesteps=list(map(int, PUBLISHED[name].times)))
    assert _distance(_by_diffusers(scheduler, wish, scheduling_lcm, monkeypatch), wish.seen()[-1].landed.numpy()) < SEEN


@pytest.mark.parametrize(("name", "eta"), [("hyper-sd15-lora", 1.0), ("tcd-sd15-lora", 0.3)])
def test_tcd_scheduler(name: str, eta: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops that are said to be diffusers' TCDScheduler's are."""
    from diffusers.schedulers import scheduling_tcd

    wish, scheduler = Wish(name, seed=9), scheduling_tcd.TCDScheduler(**_BETAS)
    scheduler.set_timesteps(len(PUBLISHED[name].times))
    got = _by_diffusers(scheduler, wish, scheduling_tcd, monkeypatch, eta=eta)
    assert _distance(got, wish.seen()[-1].landed.numpy()) < SEEN


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "prediction"),
    [("sd-turbo", "epsilon"), ("sdxl-lightning-1step", "sample"), ("sdxl-lightning-4step", "epsilon"), ("v", "v_prediction")],
)
def test_euler_scheduler(name: str, prediction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops that are said to be diffusers' EulerDiscreteScheduler's are."""
    from diffusers.schedulers import scheduling_euler_discrete as module

    wish, times = Wish(name, seed=9), (PUBLISHED | ELSEWHERE)[name].times
    scheduler = module.EulerDiscreteScheduler(**_BETAS, timestep_spacing="trailing", prediction_type=prediction)
    scheduler.set_timesteps(len(times))
    assert _distance(_by_diffusers(scheduler, wish, module, monkeypatch), wish.seen()[-1].landed.numpy()) < SEEN


@pytest.mark.parametrize("name", ["2-rectified-flow", "lcm-lora-sd15", "tcd-sd15-lora", "sdxl-lightning-4step"])
def test_company_would_be_seen(painter: Painter, name: str) -> None:
    """Two jobs whose latents are exchanged between steps are not the images that they should be."""
    mine, other = (Wish(name, 1.0, "boat", seed) for seed in (10, 11))
    first, second = (painter.rows(wish, wish.steps()) for wish in (mine, other))
    painter.engine.tick([first[0], second[0]])
    crossed = [replace(row, job=theirs.job) for row, theirs in zip(first[1:], second[1:], strict=True)]
    assert _distance(painter.alone(crossed), mine.seen()[-1].landed.numpy()) > SEEN
    painter.engine.forget(first[0].job)
