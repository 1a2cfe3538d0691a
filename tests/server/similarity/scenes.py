"""What a camera sees: photographs with a sensor's noise, still or in a pan, through JPEG. The same at every run."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from server import codec

SIDE = 256
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "moon.png", "camera.png", "text.png")
"""Of scikit-image; the last three have the least contrast of all that it brings."""

Scene = NDArray[np.float32]
Frame = NDArray[np.uint8]
Noise = Callable[[Scene], Scene]

_ROOM = 40  # pixels beyond the frame, for pans


def photograph(name: str) -> Scene:
    """A photograph, wider than a frame by the room for a pan."""
    with Image.open(Path(skimage.data.__file__).parent / name) as opened:
        image = opened.convert("RGB")
    width = SIDE + _ROOM
    scale = width / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - width) // 2, (image.height - SIDE) // 2
    return np.asarray(image)[top : top + SIDE, left : left + width].astype(np.float32)


def at(scene: Scene, place: int = 0) -> Scene:
    """The frame that is so many pixels to the right."""
    return scene[:, place : place + SIDE]


def filmed(scene: Scene, quality: int = 85) -> Frame:
    """As the server sees it: through the browser's JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(scene.round().clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return codec.decode(buffer.getvalue(), SIDE, SIDE)


def sensor(kind: str, level: float, seed: int = 0) -> Noise:
    """Noise of a kind, in grey levels of standard deviation: "even" in each colour, "grey" in all alike, "shot" as light's own,
    "smooth" as what a camera's own smoothing leaves; "flicker" is even noise of 2 and a lamp that flickers, in percent."""
    rng = np.random.default_rng(seed)

    def even(scene: Scene) -> Scene:
        return rng.normal(0, 1, scene.shape).astype(np.float32)

    def noisy(scene: Scene) -> Scene:
        if kind == "grey":
            return scene + level * rng.normal(0, 1, scene.shape[:2]).astype(np.float32)[..., None]
        if kind == "shot":
            return scene + level * even(scene) * np.sqrt(np.maximum(scene, 4) / 128)
        if kind == "smooth":
            noise = even(scene)
            moved = [np.roll(noise, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
            return scene + level * np.sum(moved, 0) / 3
        if kind == "flicker":
            return scene * np.float32(1 + level / 100 * rng.normal()) + 2 * even(scene)
        return scene + level * even(scene)

    return noisy


def still(scene: Scene, noise: Noise, frames: int, qualities: tuple[int, ...] = (85,)) -> Iterator[Frame]:
    for number in range(frames):
        yield filmed(noise(at(scene)), qualities[number % len(qualities)])


def pan(scene: Scene, noise: Noise, frames: int) -> Iterator[Frame]:
    """One pixel a frame."""
    for number in range(frames):
        yield filmed(noise(at(scene, number)))
