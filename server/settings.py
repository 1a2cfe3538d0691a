"""Settings: by flag, else by environment (`ALLAPRIMA_` and the name in capitals), else the default here."""

import argparse
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from engines.choices import Choices, parse_lora, parse_size
from engines.student import Student

PREFIX = "ALLAPRIMA_"

_ON_PROCESSOR = ("openvino", "fake")
"""Engines that leave an NVIDIA GPU alone."""


class SettingsError(ValueError):
    """A setting is wrong; the text names it and says how."""


class Settings(BaseSettings):
    """Everything an operator can choose. This is the only reader of the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    student: Annotated[tuple[str, ...], NoDecode] = Field(
        ("embedded",), description="students to serve, comma-separated; the first is the default (allaprima students)"
    )
    students: Path | None = Field(None, description="folder of your own student files; they come before ours")
    engine: str = Field("openvino", description="engine to run it on: openvino, torch or fake")
    device: str = Field("cpu", description="device of the torch engine: cpu, cuda or cuda:N")
    batch_sizes: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="tick sizes to compile, comma-separated; none: 1,2,4,8, or 1 for large students on a CPU"
    )
    size: str | None = Field(None, description="WIDTHxHEIGHT to paint; none: the student's own")
    weights: Path | None = Field(
        None, description="weights in place of the student's own: a file, a folder, a mirror of the hub"
    )
    lora: Annotated[tuple[str, ...], NoDecode] = Field((), description="LoRA files to fuse, FILE:WEIGHT, comma-separated")
    full_vae: bool = Field(False, description="true: the full VAE in place of the tiny one; slower, finer")
    precision: str = Field("auto", description="bf16, f32, or auto: bf16 where the processor has it")
    threads: int = Field(0, ge=0, description="threads of the engine; 0 means one per core")
    cache: Path = Field(Path.home() / ".cache" / "allaprima", description="folder of compiled engines")
    api_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="keys that clients must show, comma-separated; none: open"
    )
    max_sessions: int = Field(32, ge=1, description="live sessions at once; the next one is refused")
    max_waiting: int = Field(64, ge=1, description="stills waiting at once; the next request is refused")
    max_message: int = Field(4 << 20, ge=1024, description="bytes of the largest message or request taken")
    max_pixels: int = Field(16_000_000, ge=65536, description="pixels of the largest image decoded")
    max_prompt: int = Field(2000, ge=1, description="characters of the longest prompt taken")
    frame_deadline: float = Field(1.0, gt=0, description="seconds after which a live frame is not worth painting")
    still_deadline: float = Field(30.0, gt=0, description="seconds after which a still is given up")
    resume_seconds: float = Field(30.0, ge=0, description="seconds for which a dropped session may come back")
    stall_seconds: float = Field(10.0, gt=0, description="seconds a client may leave its answers unread")
    grace: float = Field(10.0, ge=0, description="seconds given to work in flight at shutdown")
    energy: Literal["auto", "off"] = Field("auto", description="auto: meter the energy of what has a meter; or off")
    watts: float = Field(0.0, ge=0, description="watts of the device while it works, where no meter is; 0: none stated")
    energy_device: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="GPUs to meter, comma-separated: UUID, PCI bus id or index; none: those that the engine may use"
    )
    fake_tick: float = Field(0.0, ge=0, description="seconds of a tick of the fake engine")
    fake_row: float = Field(0.0, ge=0, description="seconds of a row of the fake engine")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")
    log_format: Literal["text", "json"] = Field("text", description="text, or json: one object a line")
    traces: str | None = Field(None, description="OTLP endpoint (HTTP) that traces are sent to, http://HOST:4318; none: off")
    trace_share: float = Field(1.0, ge=0, le=1, description="share of sessions and images that are traced, 0 to 1")

    @field_validator("batch_sizes", "api_keys", "student", "lora", "energy_device", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("batch_sizes")
    @classmethod
    def _sizes(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if sizes and min(sizes) < 1:
            raise ValueError("each size is 1 or more")
        return tuple(sorted(set(sizes)))

    @field_validator("student")
    @classmethod
    def _some_student(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or len(set(names)) < len(names):
            raise ValueError("name at least one student, and each once")
        return names

    @field_validator("size")
    @classmethod
    def _size(cls, size: str | None) -> str | None:
        if size is not None:
            parse_size(size)
        return size

    @field_validator("lora")
    @classmethod
    def _loras(cls, loras: tuple[str, ...]) -> tuple[str, ...]:
        for lora in loras:
            parse_lora(lora)
        return loras

    @field_validator("traces")
    @classmethod
    def _endpoint(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("an endpoint is http://HOST:PORT or https://")
        return url

    @model_validator(mode="after")
    def _one_student_changed(self) -> "Settings":
        if len(self.student) > 1 and self.choices().any():
            raise ValueError(
                "size, weights, lora and full_vae change one student, and several are named; "
                "state them in student files of your own (students)"
            )
        return self

    def choices(self) -> Choices:
        """What is chosen beside the student."""
        width, height = parse_size(self.size) if self.size else (None, None)
        return Choices(width, height, self.weights, tuple(parse_lora(lora) for lora in self.lora), self.full_vae)

    def folders(self) -> tuple[Path, ...]:
        """Folders of student files beside ours."""
        return (self.students,) if self.students else ()

    def sizes_for(self, student: Student) -> tuple[int, ...]:
        """Tick sizes to compile for a student."""
        return self.batch_sizes or student.default_batches(self.engine)

    def metered_gpus(self) -> tuple[str, ...] | None:
        """GPUs to meter: those named; else none where the processor paints, and otherwise all that the driver shows (None)."""
        on_processor = self.engine in _ON_PROCESSOR or (self.engine == "torch" and self.device == "cpu")
        return self.energy_device or (() if on_processor else None)

    def engine_options(self) -> dict[str, Any]:
        """What the chosen engine's constructor takes beside student and sizes."""
        if self.engine == "openvino":
            return {"cache": self.cache / "openvino", "precision": self.precision, "threads": self.threads}
        if self.engine == "fake":
            return {"tick_seconds": self.fake_tick, "row_seconds": self.fake_row}
        if self.engine == "torch":
            return {"device": self.device}
        return {}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """One flag per setting, with its default and its name in the environment."""
    for name, field in Settings.model_fields.items():
        default = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
        shown = "none" if default in ("", None) else default
        parser.add_argument(
            "--" + name.replace("_", "-"),
            default=argparse.SUPPRESS,
            metavar="VALUE",
            help=f"{field.description} (default {shown}; {PREFIX}{name.upper()})".replace("%", "%%"),
        )


def load_settings(flags: dict[str, str]) -> Settings:
    """Flags over environment over defaults. Raises SettingsError that names every setting that is wrong."""
    try:
        return Settings(**flags)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_line(e) for e in error.errors())) from error


def _line(error: Any) -> str:
    if not error["loc"]:  # of settings that do not go together
        return str(error["msg"]).removeprefix("Value error, ")
    return f"--{'.'.join(map(str, error['loc'])).replace('_', '-')}: {error['msg']} (got {error['input']!r})"
