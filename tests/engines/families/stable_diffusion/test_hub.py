"""The hub, in the form of a server on this machine: what is asked of it, going on after a break, and what is said of faults."""

import contextlib
import os
import pty
import random
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from engines.errors import EngineError
from engines.families.sources import Source
from engines.families.stable_diffusion.hub import fetch_file, fetch_folder

from .hub_server import Hub, point_at, serving

REPO = "someone/student"
CHUNK = 10 << 20
"""Bytes that are written to the disk at once: a break loses what came after the last whole chunk."""
BIG = random.Random(0).randbytes(25 << 20)
WEIGHTS = Source(repo=REPO, file="unet_fp16.bin")
PATIENCE = 120
"""Seconds for a process, on a machine that has much else to do."""


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One repository, with a big file, small ones, and some that nobody needs."""
    root = tmp_path_factory.mktemp("repositories")
    folder = root / REPO
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "config.json").write_text("{}")
    (folder / "unet" / "weights.bin").write_bytes(b"weights")
    (folder / "README.md").write_text("read me")
    (folder / WEIGHTS.file).write_bytes(BIG)
    return root


@pytest.fixture
def hub(repositories: Path) -> Iterator[Hub]:
    with serving(repositories) as hub:
        yield hub


@pytest.fixture
def cache(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and the library pointed at it and at the hub."""
    point_at(hub.url, tmp_path / "hub", monkeypatch)
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between attempts
    return tmp_path / "hub"


def _nobody() -> str:
    """An address that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def _unet(names: Sequence[str]) -> list[str]:
    if "unet/weights.bin" not in names:
        raise EngineError("no unet")
    return sorted(name for name in names if name.startswith("unet/"))


def test_a_folder(hub: Hub, cache: Path) -> None:
    """Of a repository the files that are needed are fetched, once, and no others."""
    folder = fetch_folder(Source(repo=REPO), _unet)
    assert (folder / "unet" / "weights.bin").read_bytes() == b"weights"
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {"config.json", "weights.bin"}
    hub.requests.clear()
    assert fetch_folder(Source(repo=REPO), _unet) == folder
    assert all(asked.method == "HEAD" or asked.path.startswith("/api/") for asked in hub.requests)


def test_a_file(hub: Hub, cache: Path) -> None:
    """A big file comes whole, by one download, and its second request is answered from the cache."""
    assert fetch_file(WEIGHTS).read_bytes() == BIG
    assert hub.ranges(WEIGHTS.file) == [""]
    assert fetch_file(WEIGHTS).read_bytes() == BIG
    assert len(hub.ranges(WEIGHTS.file)) == 1


def test_the_secret_stays_with_the_hub(hub: Hub, cache: Path) -> None:
    """The token is sent to the hub, and not to the host that it sends on to."""
    fetch_file(WEIGHTS)
    sent = {asked.path.startswith("/elsewhere/"): asked.authorization for asked in hub.requests}
    assert sent == {False: "Bearer secret", True: ""}


def test_the_library_finds_it(hub: Hub, cache: Path) -> None:
    """What was fetched lies where other programs look for it."""
    from huggingface_hub import try_to_load_from_cache

    fetched = fetch_file(WEIGHTS)
    assert try_to_load_from_cache(REPO, WEIGHTS.file) == str(fetched)
    assert [path.name for path in (cache / "models--someone--student/blobs").iterdir()] == [fetched.resolve().name]


def test_a_connection_that_breaks(hub: Hub, cache: Path) -> None:
    """A download that breaks off goes on where it was, at once, as often as it gets on."""
    hub.breaks_after = [CHUNK + 1000, CHUNK + 5]
    assert fetch_file(WEIGHTS).read_bytes() == BIG
    assert hub.ranges(WEIGHTS.file) == ["", f"bytes={CHUNK}-", f"bytes={2 * CHUNK}-"]


def test_a_connection_that_breaks_for_good(hub: Hub, cache: Path) -> None:
    """A download that is given up says so, and the next one goes on where it was."""
    hub.breaks_after = [CHUNK, *[0] * 20]
    with pytest.raises(
        EngineError, match=r"downloading someone/student/unet_fp16\.bin failed .* try again, what is there is kept"
    ):
        fetch_file(WEIGHTS)
    hub.breaks_after.clear()
    hub.requests.clear()
    assert fetch_file(WEIGHTS).read_bytes() == BIG
    assert hub.ranges(WEIGHTS.file) == [f"bytes={CHUNK}-"]


def test_damage_on_the_way(hub: Hub, cache: Path) -> None:
    """A file that came otherwise than the hub has it is thrown away, and fetched whole the next time."""
    hub.corrupts = True
    with pytest.raises(EngineError, match=r"someone/student/unet_fp16\.bin came damaged .* try again"):
        fetch_file(WEIGHTS)
    hub.corrupts = False
    assert fetch_file(WEIGHTS).read_bytes() == BIG
    assert hub.ranges(WEIGHTS.file) == ["", ""]


def test_a_leftover_that_is_too_long(hub: Hub, cache: Path) -> None:
    """What is left of a download and cannot be its beginning is thrown away."""
    fetched = fetch_file(WEIGHTS).resolve()
    fetched.with_name(f"{fetched.name}.part").write_bytes(BIG + b"more")
    fetched.unlink()
    assert fetch_file(WEIGHTS).read_bytes() == BIG


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "GatedRepo", rf"{REPO} is gated: accept its licence at https://huggingface.co/{REPO}, then set HF_TOKEN"),
        (401, "RepoNotFound", f"no repository {REPO}, or it is private: set HF_TOKEN, or give --weights"),
        (403, "", rf"the hub refuses {REPO}.*403.*--weights FOLDER, with the files in FOLDER/{REPO}/"),
        (500, "", f"cannot be reached.*, and {REPO}.* not downloaded before.*--weights"),
    ],
)
def test_refusals(status: int, code: str, said: str, hub: Hub, cache: Path) -> None:
    """What the hub refuses is told with its reason and what to do, of a folder and of a file alike."""
    hub.refuses[REPO] = (status, code)
    fetches: list[Callable[[], Path]] = [lambda: fetch_folder(Source(repo=REPO), _unet), lambda: fetch_file(WEIGHTS)]
    for fetch in fetches:
        with pytest.raises(EngineError, match=said):
            fetch()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Source(repo="someone/nothing", file="x"), "the hub has no repository someone/nothing, or it is private"),
        (Source(repo=REPO, file="unet_fp32.bin"), r"the hub has no file someone/student/unet_fp32\.bin"),
        (Source(repo=REPO, file="unet_fp16.bin", revision="v9"), "someone/student has no revision 'v9'"),
        (Source(repo="no such/name at all", file="x"), "'no such/name at all' is no name of a repository"),
    ],
)
def test_names_that_are_wrong(source: Source, said: str, hub: Hub, cache: Path) -> None:
    """A repository, file or revision that is not there is named."""
    with pytest.raises(EngineError, match=said):
        fetch_file(source)


def test_without_the_hub(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fetched before is enough when the hub cannot be reached; what was not is asked for by a mirror."""
    folder = fetch_folder(Source(repo=REPO), _unet)
    fetched = fetch_file(WEIGHTS)
    point_at(_nobody(), cache, monkeypatch)
    assert fetch_folder(Source(repo=REPO), _unet) == folder
    assert fetch_file(WEIGHTS) == fetched
    with pytest.raises(
        EngineError, match=r"cannot be reached .*refused.*, and someone/else was not downloaded before: .*FOLDER/someone/else/"
    ):
        fetch_folder(Source(repo="someone/else"), _unet)
    with pytest.raises(
        EngineError, match=r"cannot be reached .*refused.*, and someone/else/x was not downloaded before: .*--weights"
    ):
        fetch_file(Source(repo="someone/else", file="x"))


def test_a_part_of_a_repository(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository of which other files were fetched before is told apart from one that is whole."""
    fetch_file(Source(repo=REPO, file="README.md"))
    point_at(_nobody(), cache, monkeypatch)
    with pytest.raises(EngineError, match=r"cannot be reached .*, and someone/student was downloaded only in part before"):
        fetch_folder(Source(repo=REPO), _unet)


def test_no_room(hub: Hub, cache: Path) -> None:
    """A cache that cannot be written is named, with the variable that moves it."""
    cache.mkdir()
    cache.joinpath("models--someone--student").write_text("in the way")
    with pytest.raises(EngineError, match=rf"someone/student/unet_fp16\.bin cannot be kept in {cache} .* HF_HOME"):
        fetch_file(WEIGHTS)


def test_what_is_no_longer_given(hub: Hub, cache: Path) -> None:
    """What was fetched before stays of use when its repository is gated or gone since."""
    folder, fetched = fetch_folder(Source(repo=REPO), _unet), fetch_file(WEIGHTS)
    for status, code in ((403, "GatedRepo"), (404, "RepoNotFound")):
        hub.refuses[REPO] = (status, code)
        assert fetch_folder(Source(repo=REPO), _unet) == folder
        assert fetch_file(WEIGHTS) == fetched


SCRIPT = """
import sys
from engines.errors import EngineError
from engines.families.stable_diffusion.hub import fetch_file
from engines.families.sources import Source
try:
    print(fetch_file(Source(repo=sys.argv[1], file=sys.argv[2])))
except EngineError as error:
    sys.exit(str(error))
"""


@contextlib.contextmanager
def _process(hub: Hub, home: Path, stderr: int = subprocess.PIPE, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    environment = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": hub.url, **variables}
    command = [sys.executable, "-c", SCRIPT, REPO, WEIGHTS.file]
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.kill()


def _fetched(hub: Hub, home: Path, **variables: str) -> tuple[int, str, str]:
    """What a process of its own ends with, and prints to either stream."""
    with _process(hub, home, **variables) as process:
        printed, said = process.communicate(timeout=PATIENCE)
        return process.returncode, printed, said


def test_a_process_that_is_killed(hub: Hub, tmp_path: Path) -> None:
    """A download whose process is killed goes on where it was, in another process."""
    hub.stalls_after = 2 * CHUNK + 10
    with _process(hub, tmp_path) as first:
        assert hub.stalled.wait(PATIENCE)
        while not any(part.stat().st_size == 2 * CHUNK for part in tmp_path.rglob("*.part")):
            assert first.poll() is None
    hub.stalls_after = None
    status, printed, said = _fetched(hub, tmp_path)
    assert status == 0, said
    assert Path(printed.strip()).read_bytes() == BIG
    assert hub.ranges(WEIGHTS.file) == ["", f"bytes={2 * CHUNK}-"]


def test_progress(hub: Hub, tmp_path: Path) -> None:
    """On a terminal a bar shows the file and how much of it has come."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    shown = b""
    with _process(hub, tmp_path, stderr=theirs) as process:
        os.close(theirs)
        with contextlib.suppress(OSError):  # the terminal's end
            while said := os.read(ours, 1 << 16):
                shown += said
        process.communicate(timeout=PATIENCE)
    os.close(ours)
    assert b"unet_fp16.bin: 100%" in shown


def test_offline(hub: Hub, tmp_path: Path) -> None:
    """With HF_HUB_OFFLINE nothing is asked, and what was fetched before is found."""
    online = _fetched(hub, tmp_path)
    hub.requests.clear()
    assert _fetched(hub, tmp_path, HF_HUB_OFFLINE="1")[:2] == online[:2]
    status, _, said = _fetched(hub, tmp_path / "other", HF_HUB_OFFLINE="1")
    assert status == 1
    assert "not downloaded before" in said
    assert "Traceback" not in said
    assert hub.requests == []
