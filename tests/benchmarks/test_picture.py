from typing import Any

import pytest
import torch

from benchmarks.picture import PictureError, decoded, encoded, paint, side_of
from wire import AnswerKind, FrameIn, FrameOut, error


def pictures() -> torch.Tensor:
    return (torch.rand((2, 3, 48, 64), generator=torch.Generator().manual_seed(0)) * 255).round() / 255


def test_a_picture_survives_png_to_the_bit() -> None:
    assert torch.equal(decoded(encoded(pictures()[0], None)), pictures()[0])


async def test_every_picture_is_painted_with_what_was_asked(standing_in: Any) -> None:
    def echo(frame: FrameIn) -> FrameOut:
        return FrameOut(frame.id, AnswerKind.IMAGE, image=frame.image)

    async with standing_in(answer=echo) as server:
        assert torch.equal(await paint(server.url, pictures(), "comic", 0.5), pictures())
        assert await side_of(server.url) == 64
    assert server.params[0] == {"prompt": "comic", "seed": 1, "strength": 0.5, "similarity": None, "format": "png"}


async def test_what_was_not_painted_is_said(standing_in: Any) -> None:
    def refuse(frame: FrameIn) -> dict[str, Any]:
        return error("engine_error", "no such luck", frame.id)

    async with standing_in(answer=refuse) as server:
        with pytest.raises(PictureError, match="no such luck"):
            await paint(server.url, pictures(), "comic", 0.5)
