"""What a prompt becomes."""

import torch

from engines.families.painter.network import rows, unpack
from engines.families.painter.shapes import TOKENS
from engines.families.painter.text import Text, packed, tinted, unpacked

LOOKS, THINGS, COLOURS, MAPS, VARIANTS = 3, 4, 2, 2, 2


def _text() -> Text:
    text = Text(20, LOOKS, THINGS, COLOURS, MAPS, VARIANTS).eval().requires_grad_(False)
    text.looks.normal_()
    text.heads.normal_()
    text.touches.normal_()
    text.drawings.copy_(packed(torch.randint(0, 256, (THINGS, VARIANTS, 4, 64, 64), dtype=torch.uint8)))
    text.palette[:COLOURS] = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    return text


def _say(text: Text, look: int, thing: int, colour: int, behind: int) -> None:
    """Make the reader say this of every prompt."""
    for part, value in zip(("look", "thing", "colour", "behind"), (look, thing, colour, behind), strict=True):
        linear = getattr(text.reader, part)
        linear.weight.zero_()
        linear.bias.zero_()
        linear.bias[value] = 30.0


def test_drawings_are_packed_with_six_bits() -> None:
    """What is packed comes back within half a step of 63, transparent as transparent and full as full."""
    drawings = torch.randint(0, 256, (3, 2, 4, 64, 64), dtype=torch.uint8)
    drawings[0], drawings[1] = 0, 255
    again = unpacked(packed(drawings), 2)
    assert again.shape == drawings.shape
    assert (again - drawings.float() / 255).abs().max() <= 0.5 / 63 + 1e-4
    assert (again[0] == 0).all()
    assert (again[1] == 1).all()


def test_what_was_read_is_looked_up() -> None:
    """A look's own numbers, the thing's drawings and the background's colour are in the conditioning."""
    text = _text()
    _say(text, look=1, thing=2, colour=COLOURS, behind=1)
    conditioning = text(torch.ones(2, TOKENS, dtype=torch.int64))
    assert conditioning.shape == (2, rows(MAPS, VARIANTS), 128)
    told = unpack(conditioning, MAPS)
    assert torch.allclose(told.look[0], text.looks[1], atol=1e-5)
    assert torch.allclose(told.head[0], text.heads[1], atol=1e-5)
    assert torch.allclose(told.touch[0], text.touches[1], atol=1e-5)
    assert torch.equal(told.asked.drawings[0], unpacked(text.drawings[2:3], VARIANTS)[0])
    assert told.asked.named.tolist() == told.asked.coloured.tolist() == [1, 1]
    assert told.asked.colour[0].tolist() == [0, 0, 1]


def test_nothing_is_nothing() -> None:
    """Where no thing and no colour is read, neither is told."""
    text = _text()
    _say(text, look=0, thing=THINGS, colour=COLOURS, behind=COLOURS)
    asked = unpack(text(torch.ones(1, TOKENS, dtype=torch.int64)), MAPS).asked
    assert not asked.named.any()
    assert not asked.coloured.any()
    assert not asked.drawings.any()


def test_a_tint_keeps_light_and_cover() -> None:
    """A drawing in a colour has that colour, its lights lighter than its shades, and the same outline."""
    drawing = torch.zeros(1, 1, 4, 2, 2)
    drawing[0, 0, :, 0] = 1.0
    drawing[0, 0, :3, 0, 1] = 0.2
    tint = tinted(drawing, torch.tensor([[1.0, 0.1, 0.1]]), torch.ones(1))
    assert torch.equal(tint[:, :, 3], drawing[:, :, 3])
    assert (tint[0, 0, 0, 0] > 2 * tint[0, 0, 1, 0]).all()
    assert tint[0, 0, 0, 0, 0] > tint[0, 0, 0, 0, 1]
    assert not tint[0, 0, :3, 1].any()
    assert torch.equal(tinted(drawing, torch.ones(1, 3), torch.zeros(1)), drawing)


def test_padding_is_not_read() -> None:
    """What stands behind the end of a prompt changes nothing."""
    text = _text()
    ids = torch.zeros(1, TOKENS, dtype=torch.int64)
    ids[0, :3] = torch.tensor([2, 5, 7])
    with torch.no_grad():
        before = text.reader(ids)
        text.reader.tokens.weight[0] += 100.0
        after = text.reader(ids)
    for a, b in zip(before, after, strict=True):
        assert torch.allclose(a, b, atol=1e-4)
