"""From a student and a user's choices to graphs: what is built once, what is built again, and what is refused."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines import prepare as module
from engines.build_cache import SIDECAR
from engines.choices import Choices
from engines.digests import Digests
from engines.errors import EngineError
from engines.families import family_of
from engines.families.family import Located, Shapes
from engines.families.sources import Source
from engines.families.stable_diffusion.weights import Lora, Weights
from engines.prepare import chosen, prepare
from engines.student import Control, Guidance, Student
from engines.student.control import NOT_STATED
from engines.students import load_student


class Builder:
    """Stands in for the build, which takes minutes: writes shapes of a student's size, and counts."""

    def __init__(self) -> None:
        self.built: list[Any] = []
        self.guidance = False
        self.fails = False

    def __call__(self, student: Student, located: Located, folder: Path, say: Any) -> Shapes:
        self.built.append(located.weights)
        (folder / "text.onnx").write_text("half of a graph")
        if self.fails:
            raise KeyboardInterrupt
        return Shapes((77, 32), student.latent_shape, self.guidance)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    made = Builder()
    monkeypatch.setattr(module, "_build", made)
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror with the repositories of the student, which no build of these tests reads."""
    for name in ("someone/base/unet/weights.bin", "someone/tiny/weights.bin", "someone/student/lora.safetensors"):
        (tmp_path / "mirror" / name).parent.mkdir(parents=True)
        (tmp_path / "mirror" / name).write_text(name)
    return tmp_path / "mirror"


def _student(**changes: Any) -> Student:
    weights = Weights(
        Source(repo="someone/base"),
        Source(repo="someone/tiny"),
        loras=(Lora(Source(repo="someone/student", file="lora.safetensors")),),
    )
    return replace(load_student("instaflow-0.9b"), name="someones", weights=weights, **changes)


def _quiet(said: str) -> None:
    pass


def test_built_once(builder: Builder, cache: Path) -> None:
    """The first call builds, says so, and gives graphs and shapes; the second finds them and says nothing."""
    said: list[str] = []
    first = prepare(_student(), cache, Choices(), said.append)
    assert first.graphs is not None
    assert first.graphs.parent == cache / "graphs"
    assert (first.text_shape, first.latent_shape) == ((77, 32), (4, 64, 64))
    assert "building someones at 512x512 from someone/base" in said[0]
    assert "built someones in 0 s" in said[-1]
    said.clear()
    assert prepare(_student(), cache, Choices(), said.append) == first
    assert (len(builder.built), said) == (1, [])


def test_graphs_that_changed_on_the_disk(builder: Builder, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Graphs that are not what was sealed are built again, which one line says, and are then used."""
    first = prepare(_student(), cache, Choices(), _quiet)
    assert first.graphs is not None
    (first.graphs / "text.onnx").write_text("half of a grapg")
    assert prepare(_student(), cache, Choices(), _quiet) == first
    assert (first.graphs / "text.onnx").read_text() == "half of a graph"
    assert caplog.messages == [f"the build in {first.graphs} is not what was sealed (text.onnx): it is built again"]
    assert prepare(_student(), cache, Choices(), _quiet) == first
    assert len(builder.built) == 2


def test_serving_needs_no_torch(builder: Builder, cache: Path, mirror: Path) -> None:
    """Where a student is built, preparing it imports neither torch nor what building needs."""
    choices = Choices(weights=mirror)
    ready = prepare(_student(), cache, choices, _quiet)
    script = """
import pickle, sys
from pathlib import Path
for name in ("torch", "diffusers", "transformers", "onnx", "onnxscript", "safetensors", "huggingface_hub", "accelerate"):
    sys.modules[name] = None
from engines.prepare import chosen, prepare
print(prepare(*pickle.load(sys.stdin.buffer), print).graphs)
"""
    given = pickle.dumps((_student(), cache, choices))
    done = subprocess.run([sys.executable, "-c", script], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == str(ready.graphs)


def test_building_needs_the_extra(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed, building says which it is."""
    monkeypatch.setitem(sys.modules, "engines.families.stable_diffusion.build", None)
    with pytest.raises(EngineError, match=r"building someones needs the extra: pip install 'allaprima\[build\]'"):
        prepare(_student(), cache, Choices(), _quiet)


def _lora(folder: Path, text: str = "lora") -> Path:
    (folder / "mine.safetensors").write_text(text)
    return folder / "mine.safetensors"


def _control(folder: Path) -> Path:
    """A control network's folder, which nobody reads here."""
    place = folder / "canny"
    place.mkdir()
    (place / "config.json").write_text("{}")
    return place


def test_controls_are_chosen_once(tmp_path: Path) -> None:
    """A control that is chosen comes behind the student's own, or takes the place of one, whose eye it keeps."""
    own = replace(_student(), controls=(Control("edges", "canny", "MIT", 0.5),))
    choices = Choices(controls=(("depth", "a/b"), ("edges", "c/d")))
    ready = chosen(own, choices)
    assert [(control.name, control.eye) for control in ready.controls] == [("edges", "canny"), ("depth", "depth")]
    assert ready.controls[0].licence == NOT_STATED
    assert chosen(ready, choices) == ready
    assert own.weights is not None
    located = family_of(own).locate(own.weights, choices, Digests(tmp_path)).weights
    assert located.described()["controls"] == {"depth": "a/b", "edges": "c/d"}


@pytest.mark.parametrize("change", ["size", "vae", "weights", "lora", "weight", "student", "student's lora", "control"])
def test_each_choice_is_another_build(change: str, builder: Builder, cache: Path, mirror: Path, tmp_path: Path) -> None:
    """Another size, VAE, place, LoRA, weight of a LoRA or student gives graphs of its own, beside the first."""
    lora = _lora(tmp_path)
    first = prepare(_student(), cache, Choices(loras=((lora, 1.0),)), _quiet)
    student, choices = _student(), Choices(loras=((lora, 1.0),))
    if change == "student":
        student = replace(student, name="another")
    elif change == "student's lora":
        assert student.weights is not None
        student = replace(student, weights=replace(student.weights, loras=()))
    else:
        choices = {
            "size": replace(choices, width=448, height=640),
            "vae": replace(choices, full_vae=True),
            "weights": replace(choices, weights=mirror),
            "lora": Choices(),
            "control": replace(choices, controls=(("canny", str(_control(tmp_path))),)),
            "weight": Choices(loras=((lora, 0.5),)),
        }[change]
    second = prepare(student, cache, choices, _quiet)
    assert second.graphs != first.graphs
    assert len(builder.built) == 2
    assert prepare(_student(), cache, Choices(loras=((lora, 1.0),)), _quiet) == first


@pytest.mark.parametrize("what", ["lora", "base", "unet"])
def test_another_content_is_another_build(what: str, builder: Builder, cache: Path, mirror: Path, tmp_path: Path) -> None:
    """A file on this machine that has changed under its name is built anew."""
    lora, unet = _lora(tmp_path), tmp_path / "unet.safetensors"
    unet.write_text("unet")
    choices = Choices(weights=unet if what == "unet" else mirror, loras=((lora, 1.0),))
    first = prepare(_student(), cache, choices, _quiet)
    {"lora": lora, "base": mirror / "someone/base/unet/weights.bin", "unet": unet}[what].write_text("changed")
    assert prepare(_student(), cache, choices, _quiet).graphs != first.graphs


def test_what_is_built(builder: Builder, cache: Path, mirror: Path, tmp_path: Path) -> None:
    """The build is given the places found, and the user's LoRA after the student's own."""
    prepare(_student(), cache, Choices(weights=mirror, loras=((_lora(tmp_path), 0.5),), full_vae=True), _quiet)
    [weights] = builder.built
    assert (weights.base, weights.tiny) == (Source(path=mirror / "someone/base"), None)
    assert [(str(lora.source), lora.weight) for lora in weights.loras] == [
        (str(mirror / "someone/student/lora.safetensors"), 1.0),
        (str(tmp_path / "mine.safetensors"), 0.5),
    ]


def test_sizes(builder: Builder, cache: Path) -> None:
    """A size that the architecture can paint changes the latents; others are refused with the nearest."""
    assert prepare(_student(), cache, Choices(width=448), _quiet).latent_shape == (4, 64, 56)
    with pytest.raises(EngineError, match=r"someones cannot paint 500x512: sides must be multiples of 64 .* 512 is near"):
        prepare(_student(), cache, Choices(width=500), _quiet)


def test_an_interrupted_build(builder: Builder, cache: Path) -> None:
    """A build that did not end is not taken for one that did."""
    builder.fails = True
    with pytest.raises(KeyboardInterrupt):
        prepare(_student(), cache, Choices(), _quiet)
    builder.fails = False
    assert prepare(_student(), cache, Choices(), _quiet).graphs is not None
    assert len(builder.built) == 2


def _damage(graphs: Path | None, **changes: Any) -> None:
    assert graphs is not None
    sidecar = graphs / "built.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | changes))


@pytest.mark.parametrize("field", ["student", "architecture", "size", "weights", "vae", "loras", "exporter"])
def test_another_builds_sidecar(field: str, builder: Builder, cache: Path) -> None:
    """A folder whose sidecar is of another build is refused, with the field that differs and what to delete."""
    _damage(prepare(_student(), cache, Choices(), _quiet).graphs, **{field: "another"})
    with pytest.raises(
        EngineError, match=rf"was built for {field} 'another', not .*; delete {cache}/graphs/\w+ and start again"
    ):
        prepare(_student(), cache, Choices(), _quiet)


@pytest.mark.parametrize("text", ["", "{}", '{"text_shape": [77, 32], "guidance": false}'])
def test_shapes_that_cannot_be_read(text: str, builder: Builder, cache: Path) -> None:
    """A table of shapes that is damaged, where nothing tells what it was, is refused with what to delete."""
    ready = prepare(_student(), cache, Choices(), _quiet)
    assert ready.graphs is not None
    (ready.graphs / "shapes.json").write_text(text)
    sidecar = ready.graphs / SIDECAR
    facts = json.loads(sidecar.read_text())
    del facts["sha256"]  # as earlier versions wrote it
    sidecar.write_text(json.dumps(facts))
    with pytest.raises(EngineError, match=f"shapes.json cannot be read .*: delete {ready.graphs} and build again"):
        prepare(_student(), cache, Choices(), _quiet)


def test_guidance(builder: Builder, cache: Path) -> None:
    """Graphs that are told a guidance scale and a file that states none do not go together, either way round."""
    with pytest.raises(EngineError, match="takes no guidance scale, which its file states"):
        prepare(_student(guidance=Guidance(8, 1, 14)), cache, Choices(), _quiet)
    builder.guidance = True
    with pytest.raises(EngineError, match="is told a guidance scale, which its file does not state"):
        prepare(_student(), cache, Choices(full_vae=True), _quiet)


@pytest.mark.parametrize("choices", [Choices(weights=Path("x")), Choices(loras=((Path("x"), 1.0),)), Choices(full_vae=True)])
def test_the_embedded_student_takes_no_choices(choices: Choices, cache: Path, student: Student) -> None:
    """The student that ships has graphs, so there is nothing to put other weights into."""
    with pytest.raises(
        EngineError, match="embedded comes with its graphs: it takes no weights, LoRA, VAE or control of your own"
    ):
        prepare(student, cache, choices, _quiet)


def test_ready_graphs_say_their_own_shapes(cache: Path, student: Student, tmp_path: Path) -> None:
    """Graphs that a student's file names may have other shapes than its family's: a table beside them says which."""
    (tmp_path / "shapes.json").write_text('{"text_shape": [2, 8], "latent_shape": [4, 8, 8], "guidance": false}')
    ready = prepare(replace(student, graphs=tmp_path), cache, Choices(), _quiet)
    assert (ready.text_shape, ready.latent_shape) == ((2, 8), (4, 8, 8))


def test_the_embedded_student_has_one_size(cache: Path, student: Student) -> None:
    """The student that ships is as it is, and at no other size."""
    assert prepare(student, cache, Choices(width=256, height=256), _quiet) == student
    with pytest.raises(EngineError, match="embedded paints 256x256 only, not 512x256"):
        prepare(student, cache, Choices(width=512), _quiet)


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        (Choices(loras=((Path("/nowhere/lora.safetensors"), 1.0),)), "there is no LoRA file /nowhere/lora.safetensors"),
        (Choices(weights=Path("/nowhere")), "--weights: there is nothing at /nowhere"),
    ],
)
def test_places_that_are_not_there(choices: Choices, reason: str, builder: Builder, cache: Path) -> None:
    """A file or folder that is not there is named, and nothing is built."""
    with pytest.raises(EngineError, match=reason):
        prepare(_student(), cache, choices, _quiet)
    assert builder.built == []


def test_a_cache_that_cannot_be(builder: Builder, tmp_path: Path) -> None:
    """A cache where a file is in the way is named, with the option that chooses another."""
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(EngineError, match=r"the cache folder .* cannot be made .*--cache"):
        prepare(_student(), tmp_path / "cache", Choices(), _quiet)
