"""Settings: flags over environment over defaults, and every mistake named."""

import argparse
from pathlib import Path

import pytest

from server.settings import PREFIX, Settings, SettingsError, add_flags, load_settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_defaults() -> None:
    """Without a word the server listens on this machine only, and is open."""
    settings = load_settings({})
    assert (settings.host, settings.port, settings.api_keys) == ("127.0.0.1", 8000, ())
    assert settings.batch_sizes == ()


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
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} " in text
        assert PREFIX + name.upper() in text


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
        ("stall_seconds", "0"),
        ("grace", "-1"),
        ("resume_seconds", "-1"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("traces", "collector:4318"),
        ("trace_share", "1.5"),
        ("watts", "-1"),
        ("energy", "maybe"),
    ],
)
def test_wrong(flag: str, value: str) -> None:
    """A wrong value is named by its flag and quoted."""
    with pytest.raises(SettingsError) as refused:
        load_settings({flag: value})
    assert f"--{flag.replace('_', '-')}" in str(refused.value)
    assert "pydantic" not in str(refused.value)


def test_all_that_is_wrong() -> None:
    """Two mistakes are both named."""
    with pytest.raises(SettingsError, match=r"(?s)--port: .*--threads: "):
        load_settings({"port": "x", "threads": "-1"})


def test_batch_sizes_are_sorted_and_unique() -> None:
    """Sizes come in any order and any number of times."""
    assert load_settings({"batch_sizes": "8, 1,8,2"}).batch_sizes == (1, 2, 8)


def test_frozen() -> None:
    """Settings do not change while the server runs."""
    with pytest.raises(ValueError, match="frozen"):
        load_settings({}).port = 1


def test_engine_options(tmp_path: Path) -> None:
    """Each engine is given what is its own."""
    fake = load_settings({"engine": "fake", "fake_tick": "0.5"})
    assert fake.engine_options() == {"tick_seconds": 0.5, "row_seconds": 0.0}
    real = load_settings({"engine": "openvino", "cache": str(tmp_path), "precision": "f32", "threads": "2"})
    assert real.engine_options() == {"cache": tmp_path / "openvino", "precision": "f32", "threads": 2}
    assert load_settings({"engine": "torch"}).engine_options() == {"device": "cpu"}
    assert load_settings({"engine": "torch", "device": "cuda:1"}).engine_options() == {"device": "cuda:1"}


def test_metered_gpus() -> None:
    """Where the processor paints no GPU is metered, else all of them; whoever names some has those metered."""
    assert load_settings({"engine": "openvino"}).metered_gpus() == ()
    assert load_settings({"engine": "fake"}).metered_gpus() == ()
    assert load_settings({"engine": "torch"}).metered_gpus() == ()
    assert load_settings({"engine": "torch", "device": "cuda"}).metered_gpus() is None
    assert load_settings({"engine": "torch", "device": "cuda", "energy_device": "GPU-1, 0"}).metered_gpus() == ("GPU-1", "0")
    assert load_settings({"engine": "openvino", "energy_device": "0"}).metered_gpus() == ("0",)
