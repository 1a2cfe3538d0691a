"""The nodes for ComfyUI: found as ComfyUI finds them, and of its kind of images."""

import importlib.util
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.standing_in import StandIn
from wire import AnswerKind, FrameIn, FrameOut

torch = pytest.importorskip("torch", reason="torch, which ComfyUI brings, is not installed")

FOLDER = Path(__file__).parents[2] / "clients" / "comfyui"


@pytest.fixture(scope="module")
def nodes() -> Any:
    """The folder as a module of its own, as ComfyUI loads what is in `custom_nodes`."""
    name = "custom_nodes_allaprima"
    spec = importlib.util.spec_from_file_location(name, FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)])
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


def test_what_comfyui_reads(nodes: Any) -> None:
    """Each node has a name to show, its inputs with a type each, a function, and an image to give."""
    assert nodes.NODE_CLASS_MAPPINGS.keys() == nodes.NODE_DISPLAY_NAME_MAPPINGS.keys()
    for node in nodes.NODE_CLASS_MAPPINGS.values():
        inputs = node.INPUT_TYPES()
        asked = inputs["required"] | inputs["optional"]
        assert all(one[0] in ("IMAGE", "STRING", "INT", "FLOAT") for one in asked.values())
        assert node.RETURN_TYPES == ("IMAGE",)
        arguments = getattr(node, node.FUNCTION).__annotations__.keys() - {"return"}
        assert arguments == asked.keys()


def test_pictures_painted_anew(nodes: Any, threaded: StandIn) -> None:
    """A batch comes back painted, in order, as floats of 0 to 1, with what was asked for."""

    def inverted(frame: FrameIn) -> FrameOut:
        buffer = io.BytesIO()
        Image.open(io.BytesIO(frame.image)).point(lambda level: 255 - level).save(buffer, "PNG")
        return FrameOut(frame.id, AnswerKind.IMAGE, image=buffer.getvalue())

    threaded.answer = inverted
    batch = torch.stack([torch.full((48, 64, 3), level) for level in (0.0, 0.5, 1.0)])
    [painted] = nodes.NODE_CLASS_MAPPINGS["AllaprimaPaint"]().paint(batch, "ink", 0.7, 3, url=threaded.url)
    assert painted.shape == (3, 48, 64, 3)
    assert painted.dtype == torch.float32
    assert torch.allclose(painted, 1 - batch, atol=0.02)
    assert threaded.params == [{"prompt": "ink", "strength": 0.7, "seed": 3, "similarity": None, "format": "png"}]


def test_pictures_from_words(nodes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words become a batch of pictures."""
    from allaprima import Still

    asked: dict[str, Any] = {}

    def stills(prompt: str, **options: Any) -> list[Still]:
        asked.update(options, prompt=prompt)
        buffer = io.BytesIO()
        Image.new("RGB", (64, 48), "white").save(buffer, "PNG")
        return [Still(buffer.getvalue())] * options["n"]

    monkeypatch.setattr(sys.modules["custom_nodes_allaprima.nodes"], "stills", stills)
    [made] = nodes.NODE_CLASS_MAPPINGS["AllaprimaStill"]().make("a heart", 7, 2, key="secret")
    assert made.shape == (2, 48, 64, 3)
    assert made.min() == 1
    assert (asked["prompt"], asked["seed"], asked["n"], asked["key"], asked["student"]) == ("a heart", 7, 2, "secret", None)
