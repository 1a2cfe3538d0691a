"""Settings: by flag, else by environment (`ALLAPRIMA_` and the name in capitals), else the default here."""

import argparse
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from engines.choices import Choices, parse_lora, parse_size
from engines.factory import TENSORRT
from engines.pytorch.options import TorchOptions
from engines.student import Student
from engines.tensorrt.facts import MIB, PlanOptions

PREFIX = "ALLAPRIMA_"

_DEVICES = {"openvino": ("cpu",), "fake": ("cpu",), "torch": ("cpu", "cuda")} | dict.fromkeys(TENSORRT, ("cuda",))
"""What each engine runs on, where nobody chose the first."""
_PRECISIONS = {
    ("openvino", "cpu"): ("auto", "bf16", "fp32"),
    ("torch", "cpu"): ("auto", "fp32"),
    ("fake", "cpu"): ("auto", "fp32"),
}
"""What an engine computes in on a device, where that is not all there is."""
_ALL_PRECISIONS = ("auto", "fp16", "bf16", "fp32")


FOR_TESTS: dict[str, JsonValue] = {"for_tests": True}
"""Marks a setting, as its `json_schema_extra`, that nobody but a test needs: it works, and `--help` leaves it out."""


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
    engine: str = Field(
        "openvino", description="engine to run it on: openvino; tensorrt, whichever is installed, or tensorrt_rtx; torch; fake"
    )
    device: str | None = Field(
        None, description="cpu, or cuda:N for the GPU that CUDA gives that number; none: cuda:0 for tensorrt, else cpu"
    )
    batch_sizes: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="tick sizes to compile, comma-separated; none: 1,2,4,8, or 1 for large students on a CPU"
    )
    size: str | None = Field(None, description="WIDTHxHEIGHT to paint; none: the student's own")
    weights: Path | None = Field(
        None, description="weights in place of the student's own: a file, a folder, a mirror of the hub"
    )
    lora: Annotated[tuple[str, ...], NoDecode] = Field((), description="LoRA files to fuse, FILE:WEIGHT, comma-separated")
    full_vae: bool = Field(False, description="true: the full VAE in place of the tiny one; slower, finer")
    precision: str = Field(
        "auto", description="fp16, bf16 or fp32, as far as the engine can; auto: fp16 on a GPU, bf16 on a processor that has it"
    )
    threads: int = Field(0, ge=0, description="threads of the openvino engine; 0 means one per core")
    level: int | None = Field(
        None, ge=0, le=5, description="tensorrt: how long its builder looks for faster kernels, 0 to 5; none: its own default"
    )
    workspace: int | None = Field(
        None, ge=1, description="tensorrt: MiB of device memory that one layer may have for scratch; none: all of it"
    )
    stripped: bool = Field(False, description="tensorrt: true: plans without weights, so that another LoRA needs no build")
    torch_compile: bool = Field(True, description="torch on a GPU: compile its networks; false: start sooner, run slower")
    fp8: bool = Field(False, description="torch on a GPU: true: products in 8 bits; faster and coarser")
    cache: Path = Field(Path.home() / ".cache" / "allaprima", description="folder of compiled engines")
    prebuilt: Path | None = Field(
        None, description="folder laid out as the cache, of TensorRT builds that came with the machine; only read"
    )
    api_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="keys that clients must show, comma-separated; none: open"
    )
    max_sessions: int = Field(32, ge=1, description="live sessions at once; the next one is refused")
    max_sessions_per_owner: int | None = Field(
        None, ge=1, description="live sessions of one key, or of one address without keys; none: three quarters of max_sessions"
    )
    max_connections: int = Field(
        512, ge=8, description="connections at once, of any kind; idle ones give way, and fewer where descriptors are few"
    )
    max_connections_per_address: int = Field(256, ge=1, description="connections of one address, proxies aside")
    max_waiting: int = Field(64, ge=1, description="stills waiting at once; the next request is refused")
    max_waiting_per_owner: int | None = Field(
        None, ge=1, description="stills of one key, or of one address without keys; none: three quarters of max_waiting"
    )
    stills_share: float = Field(0.2, gt=0, lt=1, description="share of rows that stills have while live frames wait, too")
    max_message: int = Field(4 << 20, ge=1024, description="bytes of the largest message or request taken")
    max_pixels: int = Field(16_000_000, ge=65536, description="pixels of the largest image decoded")
    max_prompt: int = Field(2000, ge=1, description="characters of the longest prompt taken")
    frame_deadline: float = Field(1.0, gt=0, description="seconds after which a live frame is not worth painting")
    still_deadline: float = Field(30.0, gt=0, description="seconds after which a still is given up")
    resume_seconds: float = Field(30.0, ge=0, description="seconds for which a dropped session may come back")
    stall_seconds: float = Field(10.0, gt=0, description="seconds a client may leave its answers unread")
    stuck_ticks: float = Field(50.0, gt=1, description="an engine hangs that takes so many times what its largest tick takes")
    stuck_seconds: float = Field(20.0, gt=0, description="and no fewer seconds; after as many again the process ends, status 1")
    warm_up_limit: float = Field(900.0, gt=0, description="seconds after which an engine that warms up is given up")
    build_limit: float = Field(14_400.0, gt=0, description="seconds after which the making of an engine is given up")
    header_seconds: float = Field(10.0, gt=0, description="seconds a request's header may take to come")
    body_seconds: float = Field(30.0, gt=0, description="seconds a request's body, or a live message, may take to come")
    first_frame_seconds: float = Field(30.0, gt=0, description="seconds a live user may take to send a first frame")
    idle_seconds: float = Field(600.0, gt=0, description="seconds between two frames of a live user after which it is closed")
    keep_alive: int = Field(5, ge=0, description="seconds an HTTP connection is kept for a next request")
    proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="addresses or networks of proxies whose X-Forwarded-For is believed, comma-separated; none: nobody's",
    )
    grace: float = Field(10.0, ge=0, description="seconds given to work in flight at shutdown")
    energy: Literal["auto", "off"] = Field("auto", description="auto: meter the energy of what has a meter; or off")
    watts: float = Field(0.0, ge=0, description="watts of the device while it works, where no meter is; 0: none stated")
    energy_device: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="GPUs to meter, comma-separated: UUID, PCI bus id or index; none: the one that paints"
    )
    fake_tick: float = Field(0.0, ge=0, description="seconds of a tick of the fake engine", json_schema_extra=FOR_TESTS)
    fake_row: float = Field(0.0, ge=0, description="seconds of a row of the fake engine", json_schema_extra=FOR_TESTS)
    fake_overlap: bool = Field(
        False, description="true: ticks of the fake engine overlap, as those of a GPU do", json_schema_extra=FOR_TESTS
    )
    fake_gate: Path | None = Field(
        None, description="no tick of the fake engine ends before this file is there", json_schema_extra=FOR_TESTS
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")
    log_format: Literal["text", "json"] = Field("text", description="text, or json: one object a line")
    traces: str | None = Field(None, description="OTLP endpoint (HTTP) that traces are sent to, http://HOST:4318; none: off")
    trace_share: float = Field(1.0, ge=0, le=1, description="share of sessions and images that are traced, 0 to 1")

    @field_validator("batch_sizes", "api_keys", "student", "lora", "energy_device", "proxies", mode="before")
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

    @field_validator("device")
    @classmethod
    def _device(cls, device: str | None) -> str | None:
        if device is not None and not re.fullmatch(r"cpu|cuda(:\d{1,3})?", device):
            raise ValueError("a device is cpu, cuda or cuda:N, such as cuda:1")
        return device

    @field_validator("precision")
    @classmethod
    def _precision(cls, precision: str) -> str:
        precision = {"f32": "fp32"}.get(precision, precision)
        if precision not in _ALL_PRECISIONS:
            raise ValueError(f"a precision is {', '.join(_ALL_PRECISIONS)}")
        return precision

    @field_validator("lora")
    @classmethod
    def _loras(cls, loras: tuple[str, ...]) -> tuple[str, ...]:
        for lora in loras:
            parse_lora(lora)
        return loras

    @field_validator("proxies")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network)
        return networks

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

    @model_validator(mode="after")
    def _what_the_engine_can(self) -> "Settings":
        if (devices := _DEVICES.get(self.engine)) is None:
            return self  # there is no such engine, which whoever makes it says
        kind = "cpu" if self.gpu() is None else "cuda"
        if kind not in devices:
            raise ValueError(f"--device {self.device} is not for --engine {self.engine}, which runs on {' or '.join(devices)}")
        able = _PRECISIONS.get((self.engine, kind), _ALL_PRECISIONS)
        if self.precision not in able:
            raise ValueError(
                f"--precision {self.precision} is not for --engine {self.engine} on {kind}, which can do {', '.join(able)}"
            )
        if self.fp8 and (self.engine, kind) != ("torch", "cuda"):
            raise ValueError("--fp8 is for --engine torch with --device cuda")
        return self

    def waiting_per_owner(self) -> int:
        """Stills that one owner may have waiting."""
        return min(self.max_waiting, self.max_waiting_per_owner or self.max_waiting - self.max_waiting // 4)

    def sessions_per_owner(self) -> int:
        """Live sessions that one owner may have."""
        return self.max_sessions_per_owner or self.max_sessions - self.max_sessions // 4

    def is_proxy(self, address: str | None) -> bool:
        """Whether this is the address of a proxy of the operator's."""
        if address is None or not self.proxies:
            return False
        try:
            known = ip_address(address)
        except ValueError:
            return False
        return any(known in ip_network(network) for network in self.proxies)

    def gpu(self) -> int | None:
        """The number, in CUDA's order, of the GPU that paints; None where the processor does."""
        device = self.device or _DEVICES.get(self.engine, ("cpu",))[0]
        return None if device == "cpu" else int(device.partition(":")[2] or 0)

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

    def plan_options(self) -> PlanOptions:
        """What is chosen of a TensorRT build."""
        workspace = None if self.workspace is None else self.workspace * MIB
        return PlanOptions(self.precision, self.stripped, self.level, workspace)

    def engine_options(self) -> dict[str, Any]:
        """What the chosen engine takes beside student and sizes."""
        if self.engine == "openvino":
            precision = {"fp32": "f32"}.get(self.precision, self.precision)  # as OpenVINO calls it
            return {"cache": self.cache / "openvino", "precision": precision, "threads": self.threads}
        if self.engine == "fake":
            seconds = {"tick_seconds": self.fake_tick, "row_seconds": self.fake_row}
            return {**seconds, "overlap": self.fake_overlap, "gate": self.fake_gate}
        on = {"device": self.gpu(), "cache": self.cache}
        if self.engine in TENSORRT:
            return {**on, "options": self.plan_options(), "prebuilt": self.prebuilt}
        if self.engine == "torch" and self.gpu() is not None:
            return {**on, "options": TorchOptions(self.precision, self.torch_compile, self.fp8)}
        return {}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """One flag per setting, with its default and its name in the environment; those `FOR_TESTS` are not shown."""
    for name, field in Settings.model_fields.items():
        parser.add_argument(
            "--" + name.replace("_", "-"),
            default=argparse.SUPPRESS,
            metavar="VALUE",
            help=argparse.SUPPRESS if field.json_schema_extra == FOR_TESTS else _help(name, field),
        )


def _help(name: str, field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    default = ",".join(map(str, default)) if isinstance(default, tuple) else default
    shown = "none" if default in ("", None) else default
    return f"{field.description} (default {shown}; {PREFIX}{name.upper()})".replace("%", "%%")


def load_settings(flags: dict[str, str]) -> Settings:
    """Flags over environment over defaults. Raises SettingsError that names every setting that is wrong."""
    try:
        return Settings(**flags)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_line(e) for e in error.errors())) from error


def _line(error: Any) -> str:
    if not error["loc"]:  # of settings that do not go together
        return str(error["msg"]).removeprefix("Value error, ")
    name, why = ".".join(map(str, error["loc"])).replace("_", "-"), str(error["msg"]).removeprefix("Value error, ")
    return f"--{name}: {why} (got {error['input']!r})"
