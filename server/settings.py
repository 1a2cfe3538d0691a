"""Settings: by flag, else by environment (`ALLAPRIMA_` and the name in capitals), else the default here."""

import argparse
import re
from collections.abc import Collection
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import Field, JsonValue, ValidationError, create_model, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from engines.choices import Choices, parse_control, parse_lora, parse_size, parse_upscaler
from engines.options import OPTIONS, Choice, EngineOptions, all_choices, choices_of, options_of, who_has
from engines.student import Control, Student

from .cache_folder import CacheError, default_cache, prepare_cache
from .key_file import check_rate

PREFIX = "ALLAPRIMA_"

FOR_TESTS: dict[str, JsonValue] = {"for_tests": True}
"""Marks a setting, as its `json_schema_extra`, that nobody but a test needs: it works, and `--help` leaves it out."""


_PAINTING = (
    "engine", "device", "batch_sizes", "cache", "prebuilt", "stills_share", "stuck_ticks", "stuck_seconds", "warm_up_limit",
    "build_limit", "energy", "watts", "energy_device",
)  # fmt: skip
"""Settings of who paints, beside what is chosen of an engine."""
_FRONT = frozenset((
    "port", "alias", "sizes", "allow_origins", "root_path", "max_sessions", "max_sessions_per_owner", "max_waiting",
    "max_waiting_per_owner", "max_message", "file_seconds", "file_bytes", "max_prompt", "frame_deadline", "still_deadline",
    "resume_seconds", "first_frame_seconds", "idle_seconds", "max_watchers", "max_watchers_per_session",
))  # fmt: skip
"""Settings of who asks."""


class SettingsError(ValueError):
    """A setting is wrong; the text names it and says how."""


def _engine_fields() -> dict[str, Any]:
    """A field for each choice that some engine has; none given is what the engine does unasked."""
    fields: dict[str, Any] = {}
    for flag, choices in all_choices().items():
        values = dict.fromkeys(value for choice in choices for value in choice.values)
        kind = Literal[tuple(values)] if values else choices[0].kind
        option = choices[0].option
        fields[flag] = (kind | None, Field(
            None, ge=option.least, le=option.most, description=_of_whom(flag, choices),
            json_schema_extra=FOR_TESTS if option.for_tests else None,
        ))  # fmt: skip
    return fields


def _of_whom(flag: str, choices: list[Choice]) -> str:
    everybody = len(choices) == len({kind for on in OPTIONS.values() for kind in on.values()})
    return choices[0].option.help if everybody else f"{who_has(flag)}: {choices[0].option.help}"


_EngineChoices: Any = create_model("_EngineChoices", __base__=BaseSettings, **_engine_fields())


class Settings(_EngineChoices):  # type: ignore[misc]
    """Everything an operator can choose. This is the only reader of the environment.

    What may be chosen of an engine is a field here too, and is read from `engines.options`.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", allow_inf_nan=False)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    queue: str | None = Field(
        None,
        description="queue between front ends and workers, redis://HOST:PORT, rediss:// with TLS, or unix:///PATH; none: one "
        "process is both",
    )
    worker_port: int = Field(8001, ge=0, le=65535, description="port of a worker's metrics and health; 0 picks a free one")
    student: Annotated[tuple[str, ...], NoDecode] = Field(
        ("painter",), description="students to serve, comma-separated; the first is the default (allaprima students)"
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
    control: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="control networks beside the student's, NAME=WEIGHTS (folder, file or hub), comma-separated"
    )
    eye: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="networks that see for controls, NAME=FILE.onnx, such as depth=depth.onnx, comma-separated"
    )
    lora: Annotated[tuple[str, ...], NoDecode] = Field((), description="LoRA files to fuse, FILE:WEIGHT, comma-separated")
    upscaler: str | None = Field(
        None,
        description="what makes stills 2 or 4 times larger, NAME=WEIGHTS: a graph of your own (FILE.onnx) or OSEDiff (its "
        "file, or a pipeline's folder with it); none: the student's own",
    )
    alias: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="other names for students, NAME=STUDENT, comma-separated, for clients that name one of another server's; "
        "NAME alone is the first student, and * any name",
    )
    sizes: Literal["exact", "resize"] = Field(
        "resize", description="exact: stills of a size that the student does not paint are refused; resize: they are resized"
    )
    full_vae: bool = Field(False, description="true: the full VAE in place of the tiny one; slower, finer")
    cache: Path = Field(default_factory=default_cache, description="folder of compiled engines")
    prebuilt: Path | None = Field(
        None, description="folder laid out as the cache, of TensorRT builds that came with the machine; only read"
    )
    api_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="keys that clients must show, comma-separated; none: open"
    )
    keys_file: Path | None = Field(
        None, description="file of keys with names and limits, as allaprima keys makes it; clients must show one; none: none"
    )
    rate: str | None = Field(
        None, description="images and live sessions that one key, or one address without keys, may begin: 60/minute; none: any"
    )
    public: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="metrics and docs, comma-separated: open to all where keys are set; none: for those with a key"
    )
    allow_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="names it is asked for by, beside localhost, addresses and this machine's, comma-separated; *: any"
    )
    allow_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="pages of others that may use it, as https://example.com, comma-separated; *: any; none: its own only"
    )
    root_path: str = Field("", description="path under which a proxy serves it, such as /paint")
    max_sessions: int = Field(32, ge=1, description="live sessions at once; the next one is refused")
    max_sessions_per_owner: int | None = Field(
        None, ge=1, description="live sessions of one key, or of one address without keys; none: three quarters of max_sessions"
    )
    max_watchers: int = Field(64, ge=0, description="who may watch live sessions over HTTP at once, all together")
    max_watchers_per_session: int = Field(8, ge=0, description="who may watch one of them")
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
    max_pixels: int = Field(16_000_000, ge=65536, description="pixels of the largest JPEG decoded")
    max_whole_pixels: int = Field(
        5_000_000, ge=65536, description="pixels of the largest PNG or WebP decoded, which cannot be decoded at a smaller scale"
    )
    file_seconds: float = Field(3600.0, gt=0, description="seconds for which pictures answered by address are kept")
    file_bytes: int = Field(
        64 << 20, ge=1 << 20, description="bytes of such pictures, in memory; over it the oldest of who has most go earlier"
    )
    decode_share: float = Field(
        0.25, gt=0, description="seconds a second that decoding the large pictures of one owner may take; over it they wait"
    )
    max_prompt: int = Field(2000, ge=1, description="characters of the longest prompt taken")
    provenance: bool = Field(
        True, description="mark every image as made by a trained model, in XMP and in PNG's texts; false: leave them unmarked"
    )
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
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")
    log_format: Literal["text", "json"] = Field("text", description="text, or json: one object a line")
    traces: str | None = Field(None, description="OTLP endpoint (HTTP) that traces are sent to, http://HOST:4318; none: off")
    trace_share: float = Field(1.0, ge=0, le=1, description="share of sessions and images that are traced, 0 to 1")

    @field_validator(
        "batch_sizes",
        "alias",
        "api_keys",
        "student",
        "lora",
        "control",
        "eye",
        "energy_device",
        "proxies",
        "public",
        "allow_hosts",
        "allow_origins",
        mode="before",
    )
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

    @field_validator("precision", mode="before", check_fields=False)
    @classmethod
    def _precision(cls, precision: Any) -> Any:
        return "fp32" if precision == "f32" else precision  # as it was called when there was one engine

    @field_validator("control")
    @classmethod
    def _controls(cls, controls: tuple[str, ...]) -> tuple[str, ...]:
        names = [Control(name, name).name for name, _ in map(parse_control, controls)]
        if len(set(names)) < len(names):
            raise ValueError("name each control once")
        return controls

    @field_validator("eye")
    @classmethod
    def _eyes(cls, eyes: tuple[str, ...]) -> tuple[str, ...]:
        for eye in eyes:
            name, equals, file = eye.partition("=")
            if not equals or not file:
                raise ValueError(f"an eye is NAME=FILE.onnx, such as depth=depth.onnx, not {eye!r}")
            Control(name, name)
        return eyes

    @field_validator("lora")
    @classmethod
    def _loras(cls, loras: tuple[str, ...]) -> tuple[str, ...]:
        for lora in loras:
            parse_lora(lora)
        return loras

    @field_validator("upscaler")
    @classmethod
    def _upscaler(cls, upscaler: str | None) -> str | None:
        if upscaler is not None:
            parse_upscaler(upscaler)
        return upscaler

    @field_validator("public")
    @classmethod
    def _public(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        if not set(parts) <= {"metrics", "docs"}:
            raise ValueError("what may be public is metrics and docs")
        return parts

    @field_validator("allow_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if origin not in ("*", "null") and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@]+/?", origin.lower()):
                raise ValueError("an origin is a scheme and a host, as https://example.com")
        return tuple(origin.rstrip("/") for origin in origins)

    @field_validator("allow_hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not re.fullmatch(r"\*|(\*\.)?[\w.-]+", host):
                raise ValueError("a host is a name without scheme and port, *.example.com, or *")
        return hosts

    @field_validator("root_path")
    @classmethod
    def _path(cls, path: str) -> str:
        path = path.rstrip("/")
        if path and not re.fullmatch(r"(/[\w.~-]+)+", path):
            raise ValueError("a path is /such/as/this")
        return path

    @field_validator("proxies")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network)
        return networks

    @field_validator("rate")
    @classmethod
    def _rated(cls, rate: str | None) -> str | None:
        return check_rate(rate)

    @field_validator("queue")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        # what else is wrong with it is said by whoever connects: an error here would show its password
        if url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("a queue is redis://HOST:PORT, rediss:// with TLS, or unix:///PATH")
        return url

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
                "size, weights, lora, control, upscaler and full_vae change one student, and several are named; "
                "state them in student files of your own (students)"
            )
        return self

    @model_validator(mode="after")
    def _what_the_engine_can(self) -> "Settings":
        if self.engine not in OPTIONS:
            return self  # there is no such engine, which whoever makes it says
        devices, kind = OPTIONS[self.engine], "cpu" if self.gpu() is None else "cuda"
        if kind not in devices:
            raise ValueError(f"--device {self.device} is not for --engine {self.engine}, which runs on {' or '.join(devices)}")
        known, wrong = choices_of(devices[kind]), []
        for flag, value in self._chosen().items():
            said = "--" + flag.replace("_", "-")
            if flag not in known:
                wrong.append(f"{said} is for --engine {who_has(flag)}: {self.engine} on {kind} has no such choice")
            elif known[flag].values and value not in known[flag].values:
                able = ", ".join(known[flag].values)
                wrong.append(f"{said} {value} is not for --engine {self.engine} on {kind}, which can do {able}")
        if wrong:
            raise ValueError("\n".join(wrong))
        self.engine_options()  # what does not go together
        return self

    def aliases(self) -> dict[str, str]:
        """The student of each other name. Raises SettingsError where it is not served."""
        pairs = dict(alias.partition("=")[::2] for alias in self.alias)
        unknown = sorted({student for student in pairs.values() if student and student not in self.student})
        if unknown:
            raise SettingsError(f"--alias: {', '.join(unknown)} is not served here; there are: {', '.join(self.student)}")
        return {name: student or self.student[0] for name, student in pairs.items()}

    def waiting_per_owner(self) -> int:
        """Stills that one owner may have waiting."""
        return min(self.max_waiting, self.max_waiting_per_owner or self.max_waiting - self.max_waiting // 4)

    def prepare_cache(self) -> str | None:
        """Make the cache ready where nobody named one; what is to be said of it. Raises SettingsError."""
        try:
            return prepare_cache(self.cache)
        except CacheError as error:
            raise SettingsError(str(error)) from error

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
        device = self.device or next(iter(OPTIONS.get(self.engine, ("cpu",))))
        return None if device == "cpu" else int(device.partition(":")[2] or 0)

    def choices(self) -> Choices:
        """What is chosen beside the student."""
        width, height = parse_size(self.size) if self.size else (None, None)
        loras, controls = tuple(map(parse_lora, self.lora)), tuple(map(parse_control, self.control))
        upscaler = parse_upscaler(self.upscaler) if self.upscaler else None
        return Choices(width, height, self.weights, loras, controls, self.full_vae, upscaler)

    def eyes(self) -> dict[str, Path]:
        """Networks that see, by name."""
        return {name: Path(file) for name, _, file in (eye.partition("=") for eye in self.eye)}

    def folders(self) -> tuple[Path, ...]:
        """Folders of student files beside ours."""
        return (self.students,) if self.students else ()

    def sizes_for(self, student: Student) -> tuple[int, ...]:
        """Tick sizes to compile for a student."""
        return self.batch_sizes or student.default_batches(self.engine)

    def engine_options(self) -> EngineOptions:
        """What is chosen of the engine. Raises EngineError if there is no such engine."""
        kind = options_of(self.engine, self.gpu())
        known = choices_of(kind)
        return kind(**{known[flag].field: value for flag, value in self._chosen().items()})

    def _chosen(self) -> dict[str, Any]:
        return {flag: value for flag in all_choices() if (value := getattr(self, flag)) is not None}


def add_flags(parser: argparse.ArgumentParser, names: Collection[str] | None = None) -> None:
    """One flag per setting, or for those named, with its default and its name in the environment.

    Those `FOR_TESTS` work, and are not shown. What is true or false may be given bare, for true; what is several with
    commas may be repeated.
    """
    for name in [name for name in _in_order() if names is None or name in names]:
        field = Settings.model_fields[name]
        several = get_origin(field.annotation) is tuple
        bare: dict[str, Any] = (
            {"nargs": "?", "const": "true"} if bool in (field.annotation, *get_args(field.annotation)) else {}
        )
        parser.add_argument(
            "--" + name.replace("_", "-"),
            action=_Several if several else "store",
            default=argparse.SUPPRESS,
            metavar="VALUE",
            help=argparse.SUPPRESS if field.json_schema_extra == FOR_TESTS else _help(name, field),
            **bare,
        )


def flags_of(*, front: bool = True, worker: bool = True) -> list[str]:
    """Settings that are of use to a front end, or to a worker."""
    paints = {*_PAINTING, *all_choices()}
    return [name for name in _in_order() if (front or name not in _FRONT) and (worker or name not in {*paints, "worker_port"})]


class _Several(argparse.Action):
    """A flag whose values are joined by commas, however often it is given."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None) -> None:
        before = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, values if before is None else f"{before},{values}")


def _in_order() -> list[str]:
    """Settings as they are listed: what is chosen of an engine after what is chosen of its student."""
    own = [name for name in Settings.model_fields if name not in all_choices()]
    place = own.index("cache")
    return [*own[:place], *all_choices(), *own[place:]]


def _help(name: str, field: FieldInfo) -> str:
    if name in all_choices():
        default = all_choices()[name][0].default
    else:
        default = field.get_default(call_default_factory=True, validated_data={})
    default = ",".join(map(str, default)) if isinstance(default, tuple) else default
    shown = "none" if default in ("", None) else default
    return f"{field.description} (default {shown}; {PREFIX}{name.upper()})".replace("%", "%%")


def load_settings(flags: dict[str, str]) -> Settings:
    """Flags over environment over defaults. Raises SettingsError that names every setting that is wrong."""
    try:
        return Settings(**flags)
    except ValidationError as error:
        places = _in_order()
        found = sorted(error.errors(), key=lambda one: places.index(str(one["loc"][0])) if one["loc"] else len(places))
        raise SettingsError("\n".join(map(_line, found))) from error


def _line(error: Any) -> str:
    if not error["loc"]:  # of settings that do not go together
        return str(error["msg"]).removeprefix("Value error, ")
    name, why = ".".join(map(str, error["loc"])).replace("_", "-"), str(error["msg"]).removeprefix("Value error, ")
    return f"--{name}: {why} (got {error['input']!r})"
