"""The TensorRT engine beyond what every engine must hold: ticks that overlap, waits, faults, and what it refuses."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.engine import Row
from engines.errors import EngineError
from engines.gpu.cuda import CudaError, OutOfDeviceMemory, Stream
from engines.gpu.engine import GpuEngine
from engines.gpu.network import Tensor
from engines.noise import noise
from engines.rows import LATENTS_GONE
from engines.student import Student
from engines.students import load_student
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.studio import Studio, handing, small
from tests.engines.gpu.suite import image, overlapped
from tests.engines.gpu.toy import ToyNetwork, ToyNetworks, tokens_of

# waiting --------------------------------------------------------------------------------------------------------------


def test_one_wait_for_a_tick() -> None:
    """The host waits for the device once in a tick, and only when it finishes it."""
    studio = Studio()
    studio.engine.warm_up()
    for _ in range(3):
        before = studio.engine.synchronisations
        ticket = studio.engine.begin([studio.repaint(), studio.still()[0]])
        assert studio.engine.synchronisations == before
        studio.engine.finish(ticket)
        assert studio.engine.synchronisations == before + 1


def test_one_wait_for_a_prompt() -> None:
    """Encoding a prompt is one wait, and does not wait for the tick that is under way."""
    studio = Studio()
    ticket = studio.engine.begin([studio.repaint()])
    before = studio.engine.synchronisations
    studio.engine.condition("a red heart")
    assert studio.engine.synchronisations == before + 1
    assert "decode of 1" in studio.double.pending()
    studio.engine.finish(ticket)


def test_a_prompt_that_fails() -> None:
    """A prompt that the device fails is an error, and the next one is encoded as ever."""
    studio = Studio()
    expected = studio.engine.condition("a blue boat")
    text = studio.networks.loaded["text", 1]
    enqueue = text.enqueue

    def fail(stream: Stream) -> None:
        text.enqueue = enqueue  # type: ignore[method-assign]
        raise EngineError("the text network could not be run")

    text.enqueue = fail  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="could not be run"):
        studio.engine.condition("a red heart")
    np.testing.assert_array_equal(studio.engine.condition("a blue boat"), expected)


def test_warming_up_says_that_all_have_run() -> None:
    """When an engine is warm, its networks may write down what they compiled."""
    studio = Studio()
    assert not studio.networks.was_settled
    studio.engine.warm_up()
    assert studio.networks.was_settled


# begin and finish -------------------------------------------------------------------------------------------------------


def test_rows_are_the_callers_again_when_begun() -> None:
    """What a row's arrays are overwritten with after `begin` is not painted."""
    studio = Studio()
    row = studio.repaint(seed=1, picture=1)
    expected = image(studio.engine.tick([row])[0])
    ticket = studio.engine.begin([row])
    assert row.image is not None
    row.image[:] = 0
    row.conditioning[:] = 0
    np.testing.assert_array_equal(image(studio.engine.finish(ticket)[0]), expected)


def test_finished_in_any_order() -> None:
    """Of two ticks under way either may be finished first."""
    studio = Studio()
    rows = [studio.repaint(seed=seed) for seed in range(2)]
    expected = [image(studio.engine.tick([row])[0]) for row in rows]
    first, second = studio.engine.begin(rows[:1]), studio.engine.begin(rows[1:])
    np.testing.assert_array_equal(image(studio.engine.finish(second)[0]), expected[1])
    np.testing.assert_array_equal(image(studio.engine.finish(first)[0]), expected[0])


def test_two_at_a_time() -> None:
    """A third tick is refused while two are under way, harms neither, and may be begun when one is finished."""
    studio = Studio()
    first, second = (studio.engine.begin([studio.repaint()]) for _ in range(2))
    with pytest.raises(EngineError, match="2 ticks are under way"):
        studio.engine.begin([studio.repaint()])
    image(studio.engine.finish(first)[0])
    third = studio.engine.begin([studio.repaint()])
    for ticket in (second, third):
        image(studio.engine.finish(ticket)[0])


def test_finished_once() -> None:
    """A tick cannot be finished twice: its lane may be another's by then."""
    studio = Studio()
    ticket = studio.engine.begin([studio.repaint()])
    studio.engine.finish(ticket)
    with pytest.raises(EngineError, match="finished before"):
        studio.engine.finish(ticket)


def test_a_tick_of_nothing() -> None:
    """A tick of no rows paints nothing and asks nothing of the device."""
    studio = Studio()
    studio.asked()
    assert studio.engine.tick([]) == []
    assert studio.double.calls == []
    with pytest.raises(EngineError, match="a row at least"):
        studio.engine.begin([])


def test_a_jobs_next_step_need_not_wait() -> None:
    """A job's second step may be begun before its first is finished, and paints the same."""
    studio = Studio()
    first, second = studio.still(seed=3, steps=2)
    studio.engine.tick([first])
    expected = image(studio.engine.tick([second])[0])
    tickets = [studio.engine.begin([first]), studio.engine.begin([second])]
    assert studio.engine.finish(tickets[0])[0].image is None
    np.testing.assert_array_equal(image(studio.engine.finish(tickets[1])[0]), expected)


def test_forgotten_while_under_way() -> None:
    """A slot that is freed and given to another job while its tick is under way is the other job's."""
    studio = Studio()
    mine, other = studio.still(seed=1, steps=2), studio.still(seed=2, steps=2)
    studio.engine.tick([other[0]])
    expected = image(studio.engine.tick([other[1]])[0])
    under_way = studio.engine.begin([mine[0]])
    slot = studio.engine._staging.slots.find(mine[0].job)
    studio.engine.forget(mine[0].job)
    next_tick = studio.engine.begin([other[0]])
    assert studio.engine._staging.slots.find(other[0].job) == slot
    studio.engine.finish(under_way)
    studio.engine.finish(next_tick)
    np.testing.assert_array_equal(image(studio.engine.tick([other[1]])[0]), expected)


def test_nothing_stays_of_finished_jobs() -> None:
    """When all jobs are done no slot is taken, whether they ended well, in NaN or forgotten."""
    studio = Studio()
    good, bad, gone = (studio.still(seed=seed, steps=2) for seed in range(3))
    bad = [replace(row, conditioning=np.full_like(row.conditioning, np.nan)) for row in bad]
    painted = studio.engine.tick([good[0], bad[0], gone[0]])
    assert [result.error is None for result in painted] == [True, False, True]
    assert len(studio.engine._staging.slots) == 2
    studio.engine.forget(gone[0].job)
    image(studio.engine.tick([good[1]])[0])
    assert len(studio.engine._staging.slots) == 0


# rows -------------------------------------------------------------------------------------------------------------------


def test_a_row_of_wrong_shapes_is_its_own_error() -> None:
    """An image or a conditioning of another shape fails its row alone, and the shape is named."""
    studio = Studio()
    good = studio.repaint(seed=1)
    expected = image(studio.engine.tick([good])[0])
    picture, prompt = studio.repaint(), studio.repaint()
    assert picture.image is not None
    rows = [replace(picture, image=picture.image[:32]), replace(prompt, conditioning=prompt.conditioning[:3]), good]
    small_picture, short_prompt, painted = studio.engine.tick(rows)
    assert "(32, 64, 3), not (64, 64, 3)" in (small_picture.error or "")
    assert "(3, 16), not (24, 16)" in (short_prompt.error or "")
    np.testing.assert_array_equal(image(painted), expected)


def _masked(studio: Studio, seed: int) -> list[Row]:
    """A job of two steps whose picture is kept in its right half."""
    first, second = studio.still(seed=seed, steps=2)
    mask = np.zeros((studio.student.height, studio.student.width), np.uint8)
    mask[:, : studio.student.width // 2] = 255
    opening = studio.student.contract.repaint(1.0)[0]
    opened = replace(opening, alpha_next=first.step.alpha_next, sigma_next=first.step.sigma_next, keep_img=0.8, keep_z=0.6)
    return [replace(first, step=opened, image=studio.picture(seed), mask=mask), second]


def test_what_a_mask_keeps_between_steps() -> None:
    """It is at the level where the step lands, with the noise that the job began with, re-noised like the rest, to the bit."""
    studio = Studio()
    first, second = _masked(studio, 7)
    studio.engine.tick([first])
    at, layout = studio.engine._buffers.at, studio.engine._buffers.layout
    place, slot = studio.engine._staging.masks.find(first.job), studio.engine._staging.slots.find(first.job)
    assert place is not None
    assert slot is not None
    shape = studio.student.latent_shape
    original = studio.double.look(at["originals"] + place * layout.latent_bytes, shape)
    kept = studio.double.look(at["slots"] + slot * layout.latent_bytes, shape)
    step = first.step
    landed = np.float32(0.8) * original + np.float32(0.6) * noise(7, 0, shape)
    expected = np.float32(step.alpha_next) * landed + np.float32(step.sigma_next) * noise(7, 1, shape)
    np.testing.assert_array_equal(kept[..., 4:], expected[..., 4:])
    assert (kept[..., :4] != expected[..., :4]).any()
    image(studio.engine.tick([second])[0])
    assert len(studio.engine._staging.masks) == len(studio.engine._staging.slots) == 0


def test_masks_of_overlapping_ticks() -> None:
    """Masks that come while another tick runs are not written over what that reads: each image is what it is alone."""
    studio = Studio()
    alone = []
    for seed in range(6):
        first, second = _masked(studio, seed)
        studio.engine.tick([first])
        alone.append(image(studio.engine.tick([second])[0]))
    jobs = [_masked(studio, seed) for seed in range(6)]
    ticks = [[jobs[0][0], jobs[1][0]], [jobs[0][1], jobs[2][0], jobs[3][0]], [jobs[1][1], jobs[2][1], jobs[4][0], jobs[5][0]]]
    got = overlapped(studio.engine, [*ticks, [jobs[3][1], jobs[4][1], jobs[5][1]]])
    painted = [got[1][0], got[2][0], got[2][1], got[3][0], got[3][1], got[3][2]]
    for one, expected in zip(painted, alone, strict=True):
        np.testing.assert_array_equal(image(one), expected)


def test_too_many_masks() -> None:
    """A job that loses its mask to another loses its latents with it, and says so: none goes on without."""
    studio = Studio()
    room = studio.engine._buffers.layout.masked
    jobs = [_masked(studio, seed) for seed in range(room + 1)]
    for first, _ in jobs:
        studio.engine.tick([first])
    assert studio.engine.tick([jobs[0][1]])[0].error == LATENTS_GONE
    image(studio.engine.tick([jobs[-1][1]])[0])


def test_what_an_encoder_hands_to_its_decoder() -> None:
    """Each row is decoded with what its own picture left, in overlapping ticks, beside rows that have none and are told so."""
    studio = Studio(student=handing())
    [step] = studio.student.any_job()

    def rows(*pictures: int | None) -> list[Row]:
        images = [None if one is None else np.full((64, 64, 3), 16 * one, np.uint8) for one in pictures]
        return [Row(7 + at, 0, step, True, studio.prompt, 1, picture) for at, picture in enumerate(images)]

    alone = {one: image(studio.engine.tick(rows(one))[0]) for one in range(8)}
    assert len({picture.tobytes() for picture in alone.values()}) == 8
    plain = Studio(student=replace(handing(), skips=()))
    assert (image(plain.engine.tick(rows(7))[0]) != alone[7]).any()
    work = [(1, None, 2), (3, 4, 5, None), (None, 6), (None,), (7, 0)]
    for given, painted in zip(work, overlapped(studio.engine, [rows(*one) for one in work]), strict=True):
        for one, got in zip(given, painted, strict=True):
            if one is None:
                assert "the row lacks its image" in (got.error or "")
            else:
                np.testing.assert_array_equal(image(got), alone[one])


def test_guidance_reaches_the_network() -> None:
    """A network that is told its guidance paints otherwise with another, row by row."""
    studio = Studio(student=small(guidance=True))
    rows = [replace(studio.still(seed=1)[0], w=w) for w in (0.0, 4.0)]
    without, strong = studio.engine.tick(rows)
    assert not np.array_equal(image(without), image(strong))
    np.testing.assert_array_equal(image(studio.engine.tick([rows[1]])[0]), image(strong))


def test_seeds_come_back() -> None:
    """After more seeds than there is room for on the device, the first paints what it did before."""
    studio = Studio()
    first = image(studio.engine.tick([studio.still(seed=0)[0]])[0])
    for seed in range(1, 200, 4):
        studio.engine.tick([studio.still(seed=seed + i)[0] for i in range(4)])
    np.testing.assert_array_equal(image(studio.engine.tick([studio.still(seed=0)[0]])[0]), first)


def test_a_seed_that_stays_is_sent_once() -> None:
    """From a stream's second frame on no noise is made or sent."""
    studio = Studio()
    studio.engine.tick([studio.repaint(seed=5)])
    studio.asked()
    studio.engine.tick([studio.repaint(seed=5)])
    assert studio.asked("copy_in") == ["copy_in"] * 2  # numbers and picture


@pytest.mark.parametrize("size", [(128, 64), (64, 192)])
def test_images_that_are_not_square(size: tuple[int, int]) -> None:
    """Width and height are not confused."""
    width, height = size
    student = replace(small(), width=width, height=height, latent_shape=(4, height // 8, width // 8))
    studio = Studio(student=student)
    assert image(studio.engine.tick([studio.repaint()])[0]).shape == (height, width, 3)


# faults -----------------------------------------------------------------------------------------------------------------

_FULL = OutOfDeviceMemory("out of device memory: ask for smaller ticks")


@pytest.mark.parametrize("call", ["copy_in", "copy_within", "wait", "record", "launch_graph", "copy_out", "synchronise"])
def test_a_tick_that_fails(call: str) -> None:
    """Whatever call fails a tick, its error names it, and the same jobs can be begun anew, one by one, to the same pixels."""
    studio = Studio()
    studio.engine.warm_up()
    rows = [studio.repaint(seed=1), studio.still(seed=2)[0]]
    expected = [image(one) for one in studio.engine.tick(rows)]
    studio.double.fail(call, _FULL)
    with pytest.raises(OutOfDeviceMemory, match="a tick of 2 rows failed: out of device memory: ask for smaller ticks"):
        studio.engine.tick(rows)
    for row, wanted in zip(rows, expected, strict=True):
        np.testing.assert_array_equal(image(studio.engine.tick([row])[0]), wanted)


def test_noises_that_did_not_arrive() -> None:
    """After a tick that failed while its noises were sent, the same seeds paint what they always do."""
    studio, usual = Studio(), Studio()
    studio.double.fail("copy_in", CudaError("no"))
    with pytest.raises(EngineError, match="no"):
        studio.engine.tick([studio.still(seed=5)[0]])
    painted, expected = (one.engine.tick([one.still(seed=5)[0]])[0] for one in (studio, usual))
    np.testing.assert_array_equal(image(painted), image(expected))


def test_jobs_that_did_not_begin() -> None:
    """A tick that failed leaves no slot to the jobs that it would have opened."""
    studio = Studio()
    studio.double.fail("copy_in", CudaError("no"))
    with pytest.raises(EngineError, match="no"):
        studio.engine.tick([studio.still(steps=2)[0]])
    assert len(studio.engine._staging.slots) == 0


@pytest.mark.parametrize("call", ["copy_in", "wait"])
def test_a_tick_that_fails_before_it_is_launched(call: str) -> None:
    """Jobs between two steps go on after a tick that failed before anything ran: their latents are as they were."""
    studio = Studio()
    first, second = studio.still(seed=3, steps=2)
    studio.engine.tick([first])
    expected = image(studio.engine.tick([second])[0])
    studio.engine.tick([first])
    studio.double.fail(call, CudaError("no"))
    with pytest.raises(EngineError, match="no"):
        studio.engine.tick([second])
    np.testing.assert_array_equal(image(studio.engine.tick([second])[0]), expected)


def test_a_tick_that_fails_after_it_was_launched() -> None:
    """A job whose latents may have been written is told that they are gone, rather than being re-noised twice."""
    studio = Studio()
    three = replace(studio.student.contract, times=(1.0, 0.6, 0.3)).still()
    rows = [Row(1, i, step, i == 2, studio.prompt, 3) for i, step in enumerate(three)]
    studio.engine.tick([rows[0]])
    studio.double.fail("copy_out", CudaError("no"))
    with pytest.raises(EngineError, match="no"):
        studio.engine.tick([rows[1]])
    assert "gone" in (studio.engine.tick([rows[1]])[0].error or "")


def test_the_neighbour_of_a_tick_that_fails() -> None:
    """A tick that is under way when the next one fails is finished as if nothing had been."""
    studio = Studio()
    rows = [studio.repaint(seed=seed, picture=seed) for seed in range(2)]
    expected = image(studio.engine.tick(rows[:1])[0])
    under_way = studio.engine.begin(rows[:1])
    studio.double.fail("copy_out", CudaError("no"))
    with pytest.raises(EngineError, match="no"):
        studio.engine.begin(rows[1:])
    np.testing.assert_array_equal(image(studio.engine.finish(under_way)[0]), expected)
    image(studio.engine.tick(rows[1:])[0])


def test_a_device_that_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    """If not even waiting works any more, every tick fails with its error, and closing frees what it can."""
    studio = Studio()
    for call in ("synchronise", "drain", "copy_in", "drain", "drain"):
        studio.double.fail(call, CudaError("the device is lost"))
    for _ in range(2):
        with pytest.raises(EngineError, match="the device is lost"):
            studio.engine.tick([studio.repaint()])
    studio.engine.close()
    assert studio.double.closed
    assert studio.networks.closed
    assert "does not answer" in caplog.text


def test_what_a_row_cannot_be() -> None:
    """A row that is no row at all raises as it is, and the engine goes on."""
    studio = Studio()
    with pytest.raises(AttributeError):
        studio.engine.tick([studio.repaint(), None])  # type: ignore[list-item]
    image(studio.engine.tick([studio.repaint()])[0])
    tickets = [studio.engine.begin([studio.repaint()]) for _ in range(2)]
    assert len(tickets) == 2


# getting ready and closing ----------------------------------------------------------------------------------------------


def test_too_little_memory() -> None:
    """An engine that does not fit is refused before anything is allocated, with what it needs, what there is, and a way out."""
    double = CudaDouble(32 << 20)
    with pytest.raises(
        OutOfDeviceMemory, match=r"has 32 MiB of 32 MiB free, and this engine needs .*smaller ticks than 4"
    ) as found:
        Studio(double)
    assert "scratch 1 MiB, latents and pictures" in str(found.value)
    assert double.allocated == 0


def test_memory_is_what_was_said() -> None:
    """What an engine allocates on the device is what was checked for, but for the prompt's own."""
    studio = Studio()
    said = sum(studio.engine._buffers.layout.device_memory().values()) + 2 * 4096
    assert 0 < studio.double.allocated - said < 4096


def _other(network: str, **tensors: Tensor | None) -> ToyNetworks:
    class Other(ToyNetworks):
        def load(self, graph: str, size: int) -> ToyNetwork:
            made = super().load(graph, size)
            if graph == network:
                for name, tensor in tensors.items():
                    if tensor is None:
                        del made.tensors[name]
                    else:
                        made.tensors[name] = tensor
            return made

    return Other(CudaDouble(), small())


_F = np.dtype(np.float32)


@pytest.mark.parametrize(
    ("networks", "said"),
    [
        (_other("denoise", A=None), "the denoise network for 1 rows lacks A: build it again"),
        (_other("denoise", extra=Tensor(_F, (1,))), "has extra, which nobody gives it"),
        (
            _other("decode", latents=Tensor(_F, (1, 4, 16, 16))),
            r"latents as float32 \(1, 4, 16, 16\), not float32 \(1, 4, 8, 8\)",
        ),
        (_other("encode", pixels=Tensor(_F, (1, 64, 64, 3))), r"pixels as float32 .*, not uint8"),
        (_other("text", conditioning=Tensor(_F, (1, 24, 8), True)), r"text network .* conditioning as float32 \(1, 24, 8\)"),
    ],
)
def test_a_network_of_another_student(networks: ToyNetworks, said: str) -> None:
    """A network that is not this student's is refused, naming the tensor that differs."""
    with pytest.raises(EngineError, match=said):
        GpuEngine(small(), (1, 2), networks, networks.double, tokens_of(small()))


def test_a_network_without_re_noising() -> None:
    """A denoiser whose own re-noising was left out at export will do."""
    networks = _other("denoise", alpha_next=None, sigma_next=None, noise_next=None, x_next=None)
    engine = GpuEngine(small(), (1, 2), networks, networks.double, tokens_of(small()))
    usual = Studio()
    for row in usual.still(seed=1, steps=2):
        painted, expected = engine.tick([row])[0], usual.engine.tick([row])[0]
    np.testing.assert_array_equal(image(painted), image(expected))


def test_closing() -> None:
    """Closing waits for what is under way, frees networks before their device, and again is nothing."""
    studio = Studio()
    studio.engine.begin([studio.repaint()])
    studio.engine.close()
    studio.engine.close()
    assert studio.networks.closed
    assert studio.double.closed
    assert studio.double.calls.count("close") == 1


@pytest.mark.parametrize("name", ["embedded", "sd-turbo", "sdxl-turbo", "lcm-dreamshaper-v7"])
def test_students_of_every_architecture(name: str, student: Student, tmp_path: Path) -> None:
    """The runtime has room and places for students of every family, at the size of their file."""
    assert student.graphs is not None
    for file in ("tokenizer.json", "tokenizer_2.json"):
        shutil.copy(student.graphs / "tokenizer.json", tmp_path / file)
    student = replace(load_student(name), graphs=tmp_path)
    double = CudaDouble(4 << 30)
    networks = ToyNetworks(double, student)
    engine = GpuEngine(student, (1,), networks, double, tokens_of(student))
    steps = student.contract.still()
    prompt = np.zeros(student.text_shape, np.float32)
    for i, step in enumerate(steps):
        painted = engine.tick([Row(1, i, step, i == len(steps) - 1, prompt, 0)])
    assert image(painted[0]).shape == (student.height, student.width, 3)
