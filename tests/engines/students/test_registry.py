"""Every student that comes with us: its seven numbers are the published ones, and it does what its authors say it can.

The numbers here were not computed by the code under test: they follow, with numpy, from Stable Diffusion's betas and from
the times and constants in the authors' own code.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from engines.student import Student
from engines.student.contract import UnsupportedStrength
from engines.students import STUDENTS, load_student, student_names

Numbers = tuple[float, float, float, float, float, float, float]
"""t, a_img, a_z, A, B, alpha_next, sigma_next."""

RENOISED_TO = {749: (0.237957, 0.971276), 759: (0.228502, 0.973544), 499: (0.526944, 0.849900), 249: (0.821847, 0.569708),
               259: (0.811773, 0.583973)}  # fmt: skip
TURNED_OUT = {62: (1.032142, -0.255573), 124: (1.076198, -0.397746), 187: (1.136946, -0.540969), 249: (1.21677, -0.693205),
              259: (1.231871, -0.719380), 399: (1.53197, -1.16058), 499: (1.89774, -1.61289), 749: (4.20244, -4.08173),
              759: (4.376339, -4.260557), 800: (5.20794, -5.11103), 999: (14.6488, -14.6146)}  # fmt: skip
"""A and B of epsilon at a time: 1 / alpha and -sigma / alpha."""


def renoised(*steps: tuple[int, int | None]) -> list[Numbers]:
    """Steps of epsilon at (time told and turned out as of, level led to), the first from noise of unit variance."""
    return [
        (time, 0.0, float(not index), *TURNED_OUT[time], *(RENOISED_TO[following] if following else (0.0, 0.0)))
        for index, (time, following) in enumerate(steps)
    ]


DMD2_4STEP = renoised((999, 749), (749, 499), (499, 249), (249, None))
LCM_4STEP = renoised((999, 759), (759, 499), (499, 259), (259, None))
WRITTEN_DOWN: list[Numbers] = [(999, 0, 1, 14.5865, -14.5522, 0, 0)]
AT_399 = renoised((399, None))
TURBO: list[Numbers] = [(999, 0, 0.997667, 14.6488, -14.6146, 0, 0)]
HYPER_LORA: list[Numbers] = [(999, 0, 1, 14.6426, -14.5793, 0, 0)]

TRANSLATED: list[Numbers] = [(999, 1, 0, 14.6488, -14.6146, 0, 0)]

PUBLISHED: dict[str, list[Numbers]] = {
    "2-rectified-flow": [(1000 - 125 * i, 0, float(not i), 1, 0.125, float(i < 7), 0) for i in range(8)],
    "cyclegan-turbo-clear": TRANSLATED,
    "cyclegan-turbo-day": TRANSLATED,
    "cyclegan-turbo-night": TRANSLATED,
    "cyclegan-turbo-rain": TRANSLATED,
    "disback-sdxl": AT_399,
    "dmd2-sd15": WRITTEN_DOWN,
    "dmd2-sdxl-1step": AT_399,
    "dmd2-sdxl-4step": DMD2_4STEP,
    "dmd2-sdxl-4step-lora": DMD2_4STEP,
    "embedded": [(1, 0, 1, 0, 1, 0, 0)],
    "hyper-sd15-lora": HYPER_LORA,
    "hyper-sdxl-lora": HYPER_LORA,
    "hyper-sdxl-unet": renoised((800, None)),
    "instaflow-0.9b": [(1000, 0, 1, 1, 1, 0, 0)],
    "lcm-dreamshaper-v7": LCM_4STEP,
    "lcm-lora-sd15": LCM_4STEP,
    "lcm-lora-sdxl": LCM_4STEP,
    "nitrosd-realism": renoised((249, None)),
    "nitrosd-realism-4step": renoised((249, 749), (187, 499), (124, 249), (62, None)),
    "nitrosd-vibrant": renoised((499, None)),
    "painter": [(1, 0, 1, 0, 1, 0, 0)],
    "pix2pix-turbo-edges": TRANSLATED,
    "pix2pix-turbo-sketch": [(999, 0.4, 0.6, 14.6488, -14.6146, 0, 0)],
    "pso-sdxl": DMD2_4STEP,
    "sd-turbo": TURBO,
    "sdxl-lightning-1step": [(999, 0, 0.997667, 0, 1, 0, 0)],
    "sdxl-lightning-4step": [
        (999, 0, 0.997667, 3.485786, -2.506379, 1, 0),
        (749, 0, 0, 2.214450, -1.300941, 1, 0),
        (499, 0, 0, 1.559649, -0.755837, 1, 0),
        (249, 0, 0, 1.216772, -0.693205, 0, 0),
    ],
    "sdxl-turbo": TURBO,
    "slam-sd15-lora": LCM_4STEP,
    "swiftbrush": WRITTEN_DOWN,
    "swiftbrush-v2": renoised((999, None)),
    "tcd-sd15-lora": [
        (999, 0, 1, 7.125324, -6.234972, 0.469772, 0.882788),
        (759, 0, 0, 3.119679, -2.335828, 0.739206, 0.673480),
        (499, 0, 0, 1.678884, -0.960681, 0.917592, 0.397523),
        (259, 0, 0, 1.231348, -0.689919, 0, 0),
    ],
}

ANY = {
    "2-rectified-flow", "embedded", "hyper-sd15-lora", "hyper-sdxl-lora", "lcm-dreamshaper-v7", "lcm-lora-sd15",
    "lcm-lora-sdxl", "painter", "sd-turbo", "sdxl-turbo", "slam-sd15-lora", "tcd-sd15-lora",
}  # fmt: skip
OURS = {"embedded", "painter"}
TRANSLATORS = {name for name in PUBLISHED if name.startswith(("cyclegan", "pix2pix"))}
LEVELS = {"dmd2-sdxl-4step", "dmd2-sdxl-4step-lora", "nitrosd-realism-4step", "pso-sdxl", "sdxl-lightning-4step"}


@pytest.fixture(params=student_names())
def one(request: pytest.FixtureRequest) -> Student:
    """Each student in turn."""
    return load_student(request.param)


def test_every_student_is_written_down() -> None:
    """No student is without published numbers here, and none is missing."""
    assert set(PUBLISHED) == set(student_names())


def test_numbers(one: Student) -> None:
    """The seven numbers per step are the published ones: of a still, or where there are none, over a picture."""
    steps = one.contract.still() if one.txt2img else one.contract.repaint(1.0)
    assert [s.t for s in steps] == [numbers[0] for numbers in PUBLISHED[one.name]]
    for step, numbers in zip(steps, PUBLISHED[one.name], strict=True):
        got = (step.t, step.a_img, step.a_z, step.A, step.B, step.alpha_next, step.sigma_next)
        assert got == pytest.approx(numbers, rel=1e-4, abs=2e-6)


@pytest.mark.parametrize("other", ["swiftbrush-v2", "swiftbrush"])
def test_the_two_alphas_of_the_last_level_differ(other: str) -> None:
    """0.0047 and the schedule's own 0.00466 are told apart by this file's precision, or it would prove nothing."""
    wrong = PUBLISHED["swiftbrush" if other == "swiftbrush-v2" else "swiftbrush-v2"][0]
    assert pytest.approx(wrong[3], rel=1e-4) != load_student(other).contract.still()[0].A


def test_strengths(one: Student) -> None:
    """Img2img is refused, taken at four levels, or taken at all strengths, as its authors made it."""
    taken = set()
    for percent in range(0, 101, 5):
        try:
            taken.add((percent, len(one.contract.repaint(percent / 100))))
        except UnsupportedStrength:
            continue
    if one.name in ANY:
        assert {percent for percent, _ in taken} == set(range(0, 101, 5))
    elif one.name in LEVELS:
        assert taken == {(25, 1), (50, 2), (75, 3), (100, 4)}
        assert one.contract.known_strengths() == (0.25, 0.5, 0.75, 1.0)
    elif one.name in TRANSLATORS:
        assert taken == {(100, 1)}
        assert not one.txt2img
    else:
        assert not taken
        assert not one.img2img


def test_half_a_strength() -> None:
    """At strength 0.5 students of Stable Diffusion's schedule start from the level of 499, those of a flow from the middle."""
    for name in sorted(ANY | LEVELS):
        student = load_student(name)
        if student.architecture not in OURS and name != "2-rectified-flow":
            first = student.contract.repaint(0.5)[0]
            assert (first.a_img, first.a_z) == pytest.approx((0.526944, 0.849900), rel=1e-4)
    flow = load_student("2-rectified-flow").contract.repaint(0.5)
    assert (flow[0].a_img, flow[0].a_z) == (0.5, 0.5)
    assert [s.t for s in flow] == [500, 375, 250, 125]


def test_what_it_says_of_itself(one: Student) -> None:
    """A student states its title, whether commercial use is allowed, and the paper and the code of its formula."""
    assert one.title
    assert one.architecture in OURS or re.search(r"(no commercial use|commercial use (allowed|needs))", one.licence)
    assert one.architecture in OURS or re.match(r"arXiv \d{4}\.\d{5}; (formula|contract) of ", one.source)


def test_where_its_weights_are(one: Student) -> None:
    """Weights come from repositories, one file where a file is meant, with the small autoencoder of the architecture."""
    weights: Any = one.weights
    if weights is None:
        assert one.graphs is not None
        return
    assert (weights.tiny is None) == (weights.translator is not None) == (one.name in TRANSLATORS)
    assert weights.tiny is None or weights.tiny.repo == (
        "madebyollin/taesdxl" if one.architecture == "sdxl" else "madebyollin/taesd"
    )
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", weights.base.repo)
    assert not weights.base.file
    unet = weights.unet
    assert unet is None or unet.path or unet.file.endswith((".safetensors", ".bin"))
    assert all(lora.source.repo and lora.source.file.endswith(".safetensors") for lora in weights.loras)
    assert not re.match("(runwayml|stabilityai/stable-diffusion-2)", weights.base.repo), "withdrawn from the hub"


def test_only_one_is_told_its_guidance(one: Student) -> None:
    """Guidance is stated where the network takes it, between its bounds, and nowhere else."""
    assert (one.guidance is not None) == (one.name == "lcm-dreamshaper-v7")
    if one.guidance:
        assert one.guidance.least <= one.guidance.default <= one.guidance.most


def test_file_of_every_student_says_why() -> None:
    """No file that ships is without a comment."""
    silent = [path.name for path in STUDENTS.glob("*.toml") if "#" not in path.read_text()]
    assert silent == []


PAGE = (Path(__file__).parents[3] / "docs" / "students.md").read_text()


def test_the_page_tells_of_each(one: Student) -> None:
    """The page has a row for every student, with its steps and strengths."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{one.name}` |")]
    _, _, pixels, steps, strengths, *_ = (cell.strip() for cell in row.split("|"))
    assert pixels.endswith(f", {one.width}")
    assert steps == str(len(one.contract.times))
    known = ", ".join(f"{strength:g}" for strength in one.contract.known_strengths())
    assert strengths == ((known or one.contract.strengths) if one.txt2img else "the picture itself")


def test_the_pages_example(tmp_path: Path) -> None:
    """The page's example of a student of one's own is one: it loads as it stands."""
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "harbour.toml").write_text(example)
    student = load_student("harbour", [tmp_path])
    weights: Any = student.weights
    assert weights.unet.path == tmp_path
    assert student.contract == load_student("dmd2-sdxl-4step").contract
    assert student.strength == 0.75
    assert [(control.name, control.eye, control.scale) for control in student.controls] == [("canny", "canny", 0.8)]
