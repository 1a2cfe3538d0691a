"""The manifests: whole by Kubernetes' and KEDA's own schemas, and every name, port, path and setting in them is there."""

import copy
import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import redis
import yaml

from benchmarks.redis_server import NoServer, RedisServer, find_server
from server import instruments
from server.settings import PREFIX, Settings, flags_of

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "kubernetes"
TOGETHER = ("base", "production")
"""Folders that are applied as they are; the others are parts of these."""
OLDEST, NEWEST = "1.29", "1.37"
PORTS = {"front": Settings.model_fields["port"].default, "worker": Settings.model_fields["worker_port"].default}
COMMANDS = {"front": "serve", "worker": "worker"}
CONFORMING = {"AverageValue", "Value"}
KUSTOMIZE = [["kubectl", "kustomize"], ["kustomize", "build"]]

Object = dict[str, Any]
every_way = pytest.mark.parametrize("together", TOGETHER)


@cache
def _built(together: str) -> tuple[Object, ...]:
    """What `kubectl apply -k` would apply."""
    command = next((words for words in KUSTOMIZE if shutil.which(words[0])), None)
    if command is None:
        pytest.skip("neither kubectl nor kustomize is installed")
    done = subprocess.run([*command, str(FOLDER / together)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(together: str, kind: str) -> dict[str, Object]:
    """Objects of a kind, by name."""
    return {one["metadata"]["name"]: copy.deepcopy(one) for one in _built(together) if one["kind"] == kind}


def pods(together: str) -> dict[str, Object]:
    """What pods of each Deployment are made by."""
    return {name: one["spec"]["template"] for name, one in of_kind(together, "Deployment").items()}


def container(pod: Object) -> Object:
    (found,) = pod["spec"]["containers"]
    return dict(found)


def selects(selector: Object, labels: Object) -> bool:
    """Whether a selector of labels is true of these."""
    operators = {"In": lambda value, values: value in values}
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        operators[one["operator"]](labels.get(one["key"]), one["values"]) for one in selector.get("matchExpressions", [])
    )


def plain(value: Any) -> Any:
    """As it is in JSON."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize(("together", "version"), [("base", NEWEST), ("production", NEWEST), ("production", OLDEST)])
def test_kubernetes_takes_every_object(together: str, version: str) -> None:
    for one in _built(together):
        if not one["apiVersion"].startswith("keda.sh/"):
            kubernetes_validate.validate(one, version, strict=True)


def test_the_schema_would_see_a_word_that_is_wrong() -> None:
    wrong = of_kind("base", "Deployment")["front"]
    container(wrong["spec"]["template"])["livenessProb"] = {}
    wrong["spec"]["template"]["spec"]["tolerances"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def test_keda_takes_what_says_how_many() -> None:
    from cloudcoil.models.keda.v1alpha1 import ScaledObject

    scaled = of_kind("production", "ScaledObject")
    assert scaled.keys() == {"worker", "front"}
    for one in scaled.values():
        # a word that the schema does not know would not come back
        known = ScaledObject.model_validate(one).model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert plain(known) == plain(one)


def test_what_is_scaled_is_there_and_has_no_number_of_its_own() -> None:
    deployments = of_kind("production", "Deployment")
    for one in of_kind("production", "ScaledObject").values():
        target = deployments[one["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in target["spec"]
        assert one["spec"]["minReplicaCount"] >= 1, "without a worker nobody is let in, so nothing would ever wait"


def test_what_is_scaled_by_is_measured() -> None:
    known = {one.name for group in instruments.GROUPS.values() for one in group}
    for one in of_kind("production", "ScaledObject").values():
        for trigger in one["spec"]["triggers"]:
            asked = set(re.findall(r"allaprima_\w+", trigger["metadata"]["query"]))
            assert asked, trigger
            assert asked <= known
            assert trigger["metricType"] in CONFORMING
            float(trigger["metadata"]["threshold"])


def test_what_is_scaled_by_is_of_the_student_that_is_served() -> None:
    (settings,) = (one["data"] for name, one in of_kind("production", "ConfigMap").items() if "settings" in name)
    triggers = of_kind("production", "ScaledObject")["worker"]["spec"]["triggers"]
    assert {re.findall(r'student="(\w+)"', one["metadata"]["query"])[0] for one in triggers} == {settings["ALLAPRIMA_STUDENT"]}


@every_way
def test_the_student_is_the_one_that_is_served_by_default(together: str) -> None:
    (settings,) = (one["data"] for name, one in of_kind(together, "ConfigMap").items() if "settings" in name)
    assert (settings["ALLAPRIMA_STUDENT"],) == Settings.model_fields["student"].default


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's package prometheus is not installed")
def test_prometheus_understands_what_is_asked(tmp_path: Path) -> None:
    triggers = [one for scaled in of_kind("production", "ScaledObject").values() for one in scaled["spec"]["triggers"]]
    rules = [{"record": f"asked:{number}", "expr": one["metadata"]["query"]} for number, one in enumerate(triggers)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "scaling", "rules": rules}]}))
    checked = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@every_way
@pytest.mark.parametrize("part", COMMANDS)
def test_settings_are_settings_of_what_is_run(together: str, part: str) -> None:
    run = container(pods(together)[part])
    assert run["args"] == [COMMANDS[part]]
    known = set(flags_of(worker=False)) if part == "front" else set(flags_of(front=False))
    own = {one["name"] for one in run["env"] if one["name"].startswith(PREFIX)}
    assert {name.removeprefix(PREFIX).lower() for name in own} <= known
    (shared,) = (one["data"] for name, one in of_kind(together, "ConfigMap").items() if "settings" in name)
    assert {name.removeprefix(PREFIX).lower() for name in shared} <= Settings.model_fields.keys()
    assert run["envFrom"][0]["configMapRef"]["name"] in of_kind(together, "ConfigMap")


@every_way
def test_front_ends_and_workers_have_the_same_queue_and_student(together: str) -> None:
    front, worker = (container(pods(together)[part]) for part in COMMANDS)
    queues = [{one["name"]: one for one in run["env"]}["ALLAPRIMA_QUEUE"]["value"] for run in (front, worker)]
    assert queues == ["redis://:$(REDIS_PASSWORD)@redis:6379"] * 2
    assert front["envFrom"] == worker["envFrom"]
    (port,) = of_kind(together, "Service")["redis"]["spec"]["ports"]
    assert port["port"] == 6379


@every_way
@pytest.mark.parametrize("part", COMMANDS)
def test_probes_ask_the_port_that_is_listened_on(together: str, part: str) -> None:
    pod = pods(together)[part]
    run = container(pod)
    (port,) = run["ports"]
    assert port["containerPort"] == PORTS[part]
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(PORTS[part])
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        assert run[probe]["httpGet"] == {"path": path, "port": port["name"]}
    assert run["startupProbe"]["httpGet"]["port"] == port["name"]


@every_way
@pytest.mark.parametrize("part", COMMANDS)
def test_a_stop_has_the_time_that_it_takes(together: str, part: str) -> None:
    pod = pods(together)[part]
    (shared,) = (one["data"] for name, one in of_kind(together, "ConfigMap").items() if "settings" in name)
    before = container(pod).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    assert pod["spec"]["terminationGracePeriodSeconds"] >= int(before[1]) + float(shared["ALLAPRIMA_GRACE"]) + 5


@every_way
def test_a_service_and_a_budget_are_of_pods_that_there_are(together: str) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(together).items()}
    deployments = of_kind(together, "Deployment")
    assert all(selects(deployments[name]["spec"]["selector"], its) for name, its in labels.items())
    selected = {
        name: [pod for pod, its in labels.items() if selects({"matchLabels": one["spec"]["selector"]}, its)]
        for name, one in of_kind(together, "Service").items()
    }
    assert selected == {"allaprima": ["front"], "redis": ["redis"]}
    budgets = of_kind(together, "PodDisruptionBudget")
    held = {name: [p for p, its in labels.items() if selects(one["spec"]["selector"], its)] for name, one in budgets.items()}
    assert held == {"front": ["front"], "worker": ["worker"]}


@every_way
def test_who_may_speak_to_the_queue_and_who_may_not(together: str) -> None:
    policies, labels = (
        of_kind(together, "NetworkPolicy"),
        {name: pod["metadata"]["labels"] for name, pod in pods(together).items()},
    )
    assert policies["nobody"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = policies["redis"]["spec"]["ingress"]
    (who,) = rule["from"]
    assert {name for name, its in labels.items() if selects(who["podSelector"], its)} == {"front", "worker"}
    for part in COMMANDS:
        (to,) = policies[part]["spec"]["egress"]
        assert [name for name, its in labels.items() if selects(to["to"][0]["podSelector"], its)] == ["redis"]
    for name in ("front", "worker", "redis"):
        assert [pod for pod, its in labels.items() if selects(policies[name]["spec"]["podSelector"], its)] == [name]
        named = {port["name"] for port in container(pods(together)[name])["ports"]}
        assert {port["port"] for rule in policies[name]["spec"]["ingress"] for port in rule["ports"]} == named


@every_way
@pytest.mark.parametrize("part", [*COMMANDS, "redis"])
def test_no_pod_may_gain_rights_or_take_more_than_it_says(together: str, part: str) -> None:
    pod = pods(together)[part]["spec"]
    run = container(pods(together)[part])
    assert run["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert {"cpu", "memory"} <= run["resources"]["requests"].keys()
    assert "memory" in run["resources"]["limits"]
    assert ":" in run["image"]
    assert not run["image"].endswith(":latest")


@every_way
def test_no_secret_is_written_down(together: str) -> None:
    assert not of_kind(together, "Secret")
    kept = {"api-keys", "password"}
    for pod in pods(together).values():
        secret = [one for one in container(pod)["env"] if "valueFrom" in one]
        assert secret
        assert {one["valueFrom"]["secretKeyRef"]["key"] for one in secret} <= kept


def test_workers_of_production_have_a_card_each() -> None:
    pod = pods("production")["worker"]["spec"]
    assert container({"spec": pod})["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert any(one["key"] == "nvidia.com/gpu" for one in pod["tolerations"])
    assert container({"spec": pod})["image"].endswith(":gpu")
    assert "nvidia.com/gpu" not in str(pods("base"))


def test_redis_takes_its_configuration() -> None:
    try:
        find_server()
    except NoServer as why:
        pytest.skip(str(why))
    (text,) = (one["data"]["redis.conf"] for name, one in of_kind("base", "ConfigMap").items() if "redis" in name)
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    flags = [word for name, *values in lines for word in (f"--{name}", *(value.strip('"') for value in values))]
    with RedisServer(*flags, "--requirepass", "a secret") as server:
        with redis.Redis.from_url(server.url, password="a secret") as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            limit = int(client.config_get("maxmemory")["maxmemory"])
        with redis.Redis.from_url(server.url) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    limits = container(pods("base")["redis"])["resources"]["limits"]["memory"]
    assert limit < int(limits.removesuffix("Mi")) << 20
