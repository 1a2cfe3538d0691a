"""Settings: flags over environment over defaults, and every mistake named."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from engines.options import FakeOptions, OpenVinoOptions, ReferenceOptions, TensorRtOptions, TorchOptions, all_choices
from server.settings import FOR_TESTS, PREFIX, Settings, SettingsError, add_flags, load_settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_defaults() -> None:
    """Without a word the server listens on this machine only, and is open."""
    settings = load_settings({})
    assert (settings.host, settings.port, settings.api_keys) == ("127.0.0.1", 8000, ())
    assert settings.batch_sizes == ()
    assert settings.student == ("painter",)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any setting may come from the environment."""
    monkeypatch.setenv("ALLAPRIMA_PORT", "9000")
    monkeypatch.setenv("ALLAPRIMA_BATCH_SIZES", "4,1")
    monkeypatch.setenv("ALLAPRIMA_API_KEYS", "one, two,")
    settings = load_settings({})
    assert (settings.port, settings.batch_sizes, settings.api_keys) == (9000, (1, 4), ("one", "two"))


def test_a_flag_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag counts more than the environment."""
    monkeypatch.setenv("ALLAPRIMA_PORT", "9000")
    assert load_settings({"port": "9001"}).port == 9001


def test_every_setting_has_a_flag() -> None:
    """Each setting has a flag with its name, its default and its name in the environment."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    text = parser.format_help()
    shown = {name for name, field in Settings.model_fields.items() if field.json_schema_extra != FOR_TESTS}
    for name in shown:
        assert f"--{name.replace('_', '-')} " in text
        assert PREFIX + name.upper() in text


def test_help_leaves_out_what_only_tests_need() -> None:
    """A setting for tests has a flag that works, and that --help does not show."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    text = parser.format_help().lower()
    hidden = [name for name, field in Settings.model_fields.items() if field.json_schema_extra == FOR_TESTS]
    assert {"fake_tick", "fake_row", "fake_overlap"} <= set(hidden)
    assert not [name for name in hidden if name in text or name.replace("_", "-") in text]
    assert vars(parser.parse_args(["--fake-tick", "1"])) == {"fake_tick": "1"}


def test_flags_not_given_are_not_there() -> None:
    """A flag that was not given does not hide the environment."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    assert vars(parser.parse_args(["--port", "1234"])) == {"port": "1234"}


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("port", "http"),
        ("port", "-1"),
        ("port", "65536"),
        ("batch_sizes", "one"),
        ("batch_sizes", "0,1"),
        ("max_sessions", "0"),
        ("max_message", "10"),
        ("frame_deadline", "0"),
        ("frame_deadline", "nan"),
        ("grace", "inf"),
        ("stall_seconds", "0"),
        ("grace", "-1"),
        ("max_sessions_per_owner", "0"),
        ("max_connections", "1"),
        ("header_seconds", "0"),
        ("idle_seconds", "0"),
        ("keep_alive", "-1"),
        ("proxies", "proxy.example"),
        ("proxies", "10.0.0.1/8"),
        ("resume_seconds", "-1"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("traces", "collector:4318"),
        ("trace_share", "1.5"),
        ("watts", "-1"),
        ("energy", "maybe"),
        ("device", "gpu"),
        ("device", "cuda:"),
        ("device", "cuda:-1"),
        ("precision", "int8"),
        ("level", "6"),
        ("workspace", "0"),
        ("stripped", "perhaps"),
    ],
)
def test_wrong(flag: str, value: str) -> None:
    """A wrong value is named by its flag and quoted."""
    with pytest.raises(SettingsError) as refused:
        load_settings({"engine": "tensorrt", flag: value})
    assert f"--{flag.replace('_', '-')}" in str(refused.value)
    assert "pydantic" not in str(refused.value)


def test_all_that_is_wrong() -> None:
    """Two mistakes are both named."""
    with pytest.raises(SettingsError, match=r"(?s)--port: .*--threads: "):
        load_settings({"port": "x", "threads": "-1"})


def test_batch_sizes_are_sorted_and_unique() -> None:
    """Sizes come in any order and any number of times."""
    assert load_settings({"batch_sizes": "8, 1,8,2"}).batch_sizes == (1, 2, 8)


@pytest.mark.parametrize(("sessions", "own", "room"), [("32", None, 24), ("2", None, 2), ("1", None, 1), ("32", "1", 1)])
def test_room_for_one(sessions: str, own: str | None, room: int) -> None:
    """One owner may have three quarters of the sessions, all of a few, or what is stated."""
    flags = {"max_sessions": sessions} | ({"max_sessions_per_owner": own} if own else {})
    assert load_settings(flags).sessions_per_owner() == room


def test_proxies() -> None:
    """Proxies are addresses or networks; without any nobody is one."""
    settings = load_settings({"proxies": "10.0.0.0/8, 192.0.2.1,2001:db8::/32"})
    assert all(settings.is_proxy(address) for address in ("10.1.2.3", "192.0.2.1", "2001:db8::1"))
    assert not any(settings.is_proxy(address) for address in ("192.0.2.2", "127.0.0.1", "testclient", "", None))
    assert not load_settings({}).is_proxy("127.0.0.1")


def test_frozen() -> None:
    """Settings do not change while the server runs."""
    with pytest.raises(ValueError, match="frozen"):
        load_settings({}).port = 1


def test_engine_options() -> None:
    """Each engine is given what is its own, of the types that it has."""
    assert load_settings({"engine": "fake", "fake_tick": "0.5"}).engine_options() == FakeOptions(tick_seconds=0.5)
    real = load_settings({"engine": "openvino", "precision": "f32", "threads": "2"})
    assert real.engine_options() == OpenVinoOptions("fp32", 2)
    assert load_settings({"engine": "torch"}).engine_options() == ReferenceOptions()
    cuda = load_settings({"engine": "torch", "device": "cuda:1", "precision": "bf16", "fp8": "true"})
    assert cuda.engine_options() == TorchOptions("bf16", True, True)
    plain = load_settings({"engine": "torch", "device": "cuda", "torch_compile": "false"})
    assert plain.engine_options() == TorchOptions(compile=False)


@pytest.mark.parametrize("engine", ["tensorrt", "tensorrt_rtx"])
def test_tensorrt_options(engine: str) -> None:
    """What was chosen of a build is what is looked for when serving."""
    assert load_settings({"engine": engine}).engine_options() == TensorRtOptions()
    flags = {"precision": "bf16", "stripped": "true", "level": "5", "workspace": "2048"}
    chosen = load_settings({"engine": engine, "device": "cuda:1", **flags})
    assert chosen.engine_options() == TensorRtOptions("bf16", True, 5, 2048)


_HAVE = {
    "openvino": {"precision", "threads"},
    "tensorrt": {"precision", "stripped", "level", "workspace"},
    "torch": {"precision"},
    "fake": {"precision", "fake_tick", "fake_row", "fake_overlap", "fake_gate", "fake_copies"},
}


@pytest.mark.parametrize("engine", _HAVE)
@pytest.mark.parametrize("flag", all_choices())
@pytest.mark.parametrize("way", ["flag", "environment"])
def test_a_choice_of_another_engine(engine: str, flag: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an engine does not have is refused, whichever way it is said, naming the engines that do."""
    (choice, *_) = all_choices()[flag]
    value = {"precision": "fp32", "fake_tick": "0.1", "fake_row": "0.1"}.get(flag, choice.values[-1] if choice.values else "1")
    given = {"engine": engine}
    if way == "flag":
        given[flag] = value
    else:
        monkeypatch.setenv(PREFIX + flag.upper(), value)
    if flag in _HAVE[engine]:
        load_settings(given)
        return
    with pytest.raises(SettingsError, match=rf"--{flag.replace('_', '-')} is for --engine .*: {engine} on \w+ has no such"):
        load_settings(given)


def test_all_that_an_engine_has_not() -> None:
    """Every choice of another engine is named, not the first alone."""
    with pytest.raises(SettingsError, match=r"(?s)--stripped is .*--level is .*--fake-tick is for --engine fake"):
        load_settings({"engine": "openvino", "level": "5", "stripped": "true", "fake_tick": "1"})


def test_a_builds_folder_is_no_choice_of_an_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image may come with builds for one engine, and be run with another."""
    monkeypatch.setenv("ALLAPRIMA_PREBUILT", "/opt/allaprima")
    assert load_settings({"engine": "torch"}).prebuilt == Path("/opt/allaprima")


def test_controls() -> None:
    """Control networks are names with places, each once."""
    control = {"control": "canny=a/b, depth=/some/where"}
    assert load_settings(control).choices().controls == (("canny", "a/b"), ("depth", "/some/where"))
    for wrong, complaint in (("canny", "NAME=WEIGHTS"), ("C=a/b", "small letters"), ("c=a/b,c=d/e", "once")):
        with pytest.raises(SettingsError, match=complaint):
            load_settings({"control": wrong})


def test_what_is_true_or_several() -> None:
    """A flag for true may be given bare, and one for several may be repeated or have commas."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    said = vars(parser.parse_args(["--full-vae", "--lora", "a:1,b:2", "--lora", "c", "--stripped", "false"]))
    assert said == {"full_vae": "true", "lora": "a:1,b:2,c", "stripped": "false"}


@pytest.mark.parametrize(
    ("engine", "device", "gpu"),
    [
        ("openvino", None, None),
        ("openvino", "cpu", None),
        ("fake", None, None),
        ("torch", None, None),
        ("torch", "cuda", 0),
        ("torch", "cuda:12", 12),
        ("tensorrt", None, 0),
        ("tensorrt_rtx", "cuda:2", 2),
    ],
)
def test_devices(engine: str, device: str | None, gpu: int | None) -> None:
    """TensorRT runs on the first GPU unless another is named, and all else on the processor."""
    flags = {"engine": engine} | ({"device": device} if device else {})
    assert load_settings(flags).gpu() == gpu


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"engine": "openvino", "device": "cuda:0"}, "--device cuda:0 is not for --engine openvino, which runs on cpu"),
        ({"engine": "tensorrt", "device": "cpu"}, "--device cpu is not for --engine tensorrt, which runs on cuda"),
        ({"engine": "fake", "device": "cuda"}, "--engine fake"),
        (
            {"engine": "openvino", "precision": "fp16"},
            "--precision fp16 is not for --engine openvino on cpu, which can do auto, bf16, fp32",
        ),
        ({"engine": "torch", "precision": "bf16"}, "--engine torch on cpu, which can do auto, fp32"),
        ({"engine": "torch", "fp8": "true"}, "--fp8 is for --engine torch with --device cuda"),
        ({"engine": "tensorrt", "fp8": "true"}, "--fp8 is for --engine torch with --device cuda"),
        ({"engine": "torch", "device": "cuda", "fp8": "true", "precision": "fp32"}, "fp8 is for what is computed in half"),
    ],
)
def test_what_does_not_go_together(flags: dict[str, str], said: str) -> None:
    """An engine's device and precision are those that it can do, and what it is refused names both."""
    with pytest.raises(SettingsError) as refused:
        load_settings(flags)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("engine", "device", "precision"),
    [("openvino", "cpu", "bf16"), ("openvino", "cpu", "fp32"), ("torch", "cuda", "fp16"), ("tensorrt", "cuda", "bf16")],
)
def test_precisions(engine: str, device: str, precision: str) -> None:
    """What an engine can do may be asked for."""
    options: Any = load_settings({"engine": engine, "device": device, "precision": precision}).engine_options()
    assert options.precision == precision


def test_an_old_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """f32 is fp32, as it was called when there was one engine."""
    monkeypatch.setenv("ALLAPRIMA_PRECISION", "f32")
    options: Any = load_settings({}).engine_options()
    assert options.precision == "fp32"
