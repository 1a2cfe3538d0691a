from collections import Counter

import numpy as np
import torch

from engines.noise import noise
from training.captions import Wish
from training.coupling import scene_for
from training.sources import noise_for
from training.words import COLOURS, SHAPES


def test_the_training_noise_is_the_servers() -> None:
    for seed in (0, 7, 2**32 - 1, 2**40):
        assert np.array_equal(noise_for(seed).numpy(), noise(seed, 0, (24, 32, 32)))


def test_the_scene_is_a_function_of_noise_and_wish() -> None:
    wish = Wish("neon", "heart", "red", None)
    assert scene_for(wish, noise_for(3)) == scene_for(wish, noise_for(3))
    assert scene_for(wish, noise_for(3)) != scene_for(wish, noise_for(4))


def test_what_is_asked_for_is_drawn() -> None:
    for seed in range(50):
        scene = scene_for(Wish("ink", "boat", "pink", "green"), noise_for(seed))
        assert (scene.shape, scene.colour, scene.background) == ("boat", "pink", "green")


def test_what_is_left_open_is_drawn_evenly() -> None:
    scenes = [scene_for(Wish(), noise_for(seed)) for seed in range(800)]
    assert all(scene.colour != scene.background for scene in scenes)
    shapes, colours = Counter(s.shape for s in scenes), Counter(s.colour for s in scenes)
    assert set(shapes) == set(SHAPES)
    assert set(colours) == set(COLOURS)
    assert min(shapes.values()) > 0.6 * 800 / len(SHAPES)
    assert min(colours.values()) > 0.5 * 800 / len(COLOURS)


def test_an_object_stays_in_the_picture() -> None:
    extreme = torch.zeros(24, 32, 32)
    for value in (-9.0, 9.0):
        scene = scene_for(Wish("photo", "square", "red", "white"), extreme + value)
        for place in (scene.x, scene.y):
            assert scene.size < place + 0.1
            assert place + scene.size < 1.1
