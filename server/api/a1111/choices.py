"""What each owner has chosen by the options of this API: which student, and in which format pictures are."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...served import Served
from ...server import Server
from ..errors import ApiError

FORMATS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}
_MOST_OWNERS = 1024
QUALITY = 90


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of a student, None for the first, and the format of pictures."""

    checkpoint: str | None = None
    format: str = "png"


class Choices:
    """By owner, so that nobody chooses for another; whoever chose longest ago is forgotten first. Event loop only."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._chosen: OrderedDict[str, Choice] = OrderedDict()

    def of(self, owner: str, overridden: Mapping[str, Any] | None = None) -> tuple[Served, str]:
        """The student to paint with and the format, after what one request overrides. Raises ApiError."""
        choice = _changed(self._chosen.get(owner, Choice()), overridden or {})
        return self._served(choice), choice.format

    def change(self, owner: str, options: Mapping[str, Any]) -> list[str]:
        """Choose; the options that change nothing here. Raises ApiError."""
        choice = _changed(self._chosen.get(owner, Choice()), options)
        self._served(choice)
        self._chosen[owner] = choice
        self._chosen.move_to_end(owner)
        while len(self._chosen) > _MOST_OWNERS:
            self._chosen.popitem(last=False)
        same = self.options(owner)
        return sorted(name for name, value in options.items() if value is not None and same.get(name) != value)

    def options(self, owner: str) -> dict[str, Any]:
        """All options there are, as they are now."""
        served, image_format = self.of(owner)
        return {
            "sd_model_checkpoint": served.student.name,
            "sd_checkpoint_hash": "",
            "samples_format": image_format,
            "jpeg_quality": QUALITY,
            "webp_lossless": False,
            "sd_vae": "Automatic",
            "CLIP_stop_at_last_layers": 1,
            "eta_noise_seed_delta": 0,
            "show_progress_every_n_steps": 0,
            "enable_pnginfo": True,
        }

    def _served(self, choice: Choice) -> Served:
        served = self._server.served(choice.checkpoint)
        if served is None:
            why = f"model {choice.checkpoint!r} not found; there are: {self._server.names()}"
            raise ApiError(404, why, "model_not_found", "sd_model_checkpoint")
        return served


def _changed(choice: Choice, options: Mapping[str, Any]) -> Choice:
    checkpoint, wanted = options.get("sd_model_checkpoint"), options.get("samples_format")
    if checkpoint:
        if not isinstance(checkpoint, str):
            raise ApiError(422, "sd_model_checkpoint: the title of a model", "invalid_value", "sd_model_checkpoint")
        choice = replace(choice, checkpoint=checkpoint)
    if wanted:
        if not isinstance(wanted, str) or wanted not in FORMATS:
            raise ApiError(422, f"samples_format: one of {', '.join(FORMATS)}", "invalid_value", "samples_format")
        choice = replace(choice, format=FORMATS[wanted])
    return choice
