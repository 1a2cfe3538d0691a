"""The repositories that the shipped students name, as small random models in a mirror of the hub."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from engines.families.sources import Source
from engines.families.stable_diffusion.weights import Lora
from engines.student import Student

from . import lora_files, published
from .published import State

FORMS = {
    "XCLiu/instaflow_0_9B_from_sd_1_5": "bin",
    "XCLiu/2_rectified_flow_from_sd_1_5": "bin",
    "stabilityai/sd-turbo": "fp16-safetensors",
    "stabilityai/sdxl-turbo": "fp16-safetensors",
    "stabilityai/stable-diffusion-xl-base-1.0": "fp16-safetensors",
}
"""In what form a pipeline's weights are published; others in safetensors. Which of several is read, test_folders tests."""


@dataclass
class Mirror:
    """A mirror of the hub, and what lies in it: networks of pipelines, states of single files, changes of LoRAs."""

    root: Path
    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, State] = field(default_factory=dict)
    loras: dict[str, lora_files.Changes] = field(default_factory=dict)

    def write(self, student: Student) -> None:
        """Whatever of a student's sources is not there yet."""
        weights: Any = student.weights
        assert weights is not None
        if weights.base.repo not in self.pipelines:
            self._pipeline(weights.base, student)
        if weights.tiny is not None and not (self.root / weights.tiny.repo).exists():
            published.write_tiny(self.root / weights.tiny.repo)
        if weights.unet is not None and weights.unet.file and str(weights.unet) not in self.files:
            self._unet(weights.unet, student.architecture)
        for lora in weights.loras:
            if str(lora.source) not in self.loras:
                self._lora(lora, self.pipelines[weights.base.repo])

    def unet(self, repo: str) -> State:
        """What a pipeline's UNet is read as, in float32."""
        state: State = self.pipelines[repo]["unet"].state_dict()
        if "fp16" not in FORMS.get(repo, ""):
            return state
        return {name: weight.half().float() for name, weight in state.items()}

    def _pipeline(self, source: Source, student: Student) -> None:
        folder, seed = self.root / source.repo, len(self.pipelines)
        published.write_pipeline(
            folder, student.architecture, FORMS.get(source.repo, "safetensors"), seed, 16 if student.guidance else None
        )
        torch.manual_seed(seed)
        self.pipelines[source.repo] = published.networks(student.architecture, guidance=16 if student.guidance else None)

    def _unet(self, source: Source, architecture: str) -> None:
        torch.manual_seed(len(self.files) + 100)
        state = {name: weight.half() for name, weight in published.unet(architecture).state_dict().items()}
        self.files[str(source)] = state
        published.save_state(state, self.root / source.repo / source.file)

    def _lora(self, lora: Lora, networks: dict[str, Any]) -> None:
        """As tianweiy/DMD2's main/sdxl/extract_lora_module.py and LCM's training write them."""
        torch.manual_seed(len(self.loras) + 200)
        changes = lora_files.changes_of({"unet": networks["unet"]}, lora_files.DISTILLED, alpha=8.0, rank=4)
        self.loras[str(lora.source)] = changes
        published.save_state(lora_files.kohya(changes), self.root / lora.source.repo / lora.source.file)
