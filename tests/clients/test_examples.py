"""The examples run, each as its first line says, against a real server."""

import http.server
import json
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.end_to_end.browsing import CHROMIUM, Server, launched, serving, wait_until

EXAMPLES = Path(__file__).parents[2] / "clients" / "examples"
CLIENT = EXAMPLES.parent / "python"
NODE = shutil.which("node")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """A page server of somebody else's, which has the examples; its origin."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(EXAMPLES))) as pages:
        thread = threading.Thread(target=pages.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{pages.server_port}"
        pages.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(elsewhere: str) -> Iterator[Server]:
    with serving("--allow-origins", elsewhere) as running:
        yield running


def size(server: Server) -> tuple[int, int]:
    """Width and height of what its student paints."""
    with urllib.request.urlopen(f"{server.url}v1/models") as answer:
        [student] = json.load(answer)["data"]
    return student["width"], student["height"]


def run(example: str, *arguments: object) -> str:
    """Run one as a user does; what it says."""
    command = [sys.executable, str(EXAMPLES / example), *map(str, arguments)]
    done = subprocess.run(
        command, env={"PYTHONPATH": f"{CLIENT}:{EXAMPLES.parents[1]}"}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder(server: Server, tmp_path: Path, encoded: Any) -> None:
    """A folder's pictures come out painted, by their names."""
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        (tmp_path / "pictures" / f"{number}.jpg").write_bytes(encoded(seed=number))
    said = run("repaint.py", tmp_path / "pictures", tmp_path / "painted", "--prompt", "ink", "--url", server.url)
    assert said.count(" ms\n") == 3
    assert sorted(file.name for file in (tmp_path / "painted").iterdir()) == ["0.jpg", "1.jpg", "2.jpg"]


def test_words_that_change(server: Server, tmp_path: Path) -> None:
    """Words that change while it paints make a moving picture."""
    said = run("travel.py", tmp_path / "a.gif", "a cat", "a boat", "--frames", 3, "--seconds", 0.1, "--url", server.url)
    assert "6 pictures" in said
    with Image.open(tmp_path / "a.gif") as moving:
        assert (moving.size, getattr(moving, "n_frames", 1) > 1) == (size(server), True)


def test_every_style(server: Server, tmp_path: Path) -> None:
    """A sheet has a picture in each style that the student knows."""
    said = run("styles.py", tmp_path / "sheet.png", "--url", server.url)
    styles, (width, height) = int(said.partition(" ")[0]), size(server)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (4 * width, -(-styles // 4) * height)


@pytest.mark.skipif(NODE is None, reason="no Node on this machine to run it in")
def test_in_node(server: Server, tmp_path: Path, encoded: Any) -> None:
    """A picture is painted in Node."""
    (tmp_path / "a.jpg").write_bytes(encoded())
    version = subprocess.check_output([str(NODE), "--version"], text=True)
    flags = (
        [] if int(version[1:].partition(".")[0]) >= 22 else ["--experimental-websocket"]
    )  # which newer ones need not be told
    command = [str(NODE), *flags, str(EXAMPLES / "paint.mjs"), "a.jpg", "painted.jpg", "ink", server.url]
    said = subprocess.check_output(command, cwd=tmp_path, text=True, timeout=60)
    assert said.startswith("painted.jpg: ")
    with Image.open(tmp_path / "painted.jpg") as image:
        assert image.size == size(server)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to run it in")
def test_a_page_of_another_origin(server: Server, elsewhere: str) -> None:
    """A page of somebody else's paints its camera, by the server's module, where the server lets it."""
    with launched() as chromium:
        page = chromium.new_page()
        page.goto(f"{elsewhere}/camera.html?server={server.url.rstrip('/')}")
        wait_until(page, "parseInt(document.getElementById('said').value) >= 3")
        assert page.evaluate("document.getElementById('easel').width") == size(server)[0]


def test_all_are_run() -> None:
    """No example is left out here, nor in their list."""
    here, listed = Path(__file__).read_text(), (EXAMPLES / "README.md").read_text()
    for example in EXAMPLES.iterdir():
        assert example.name == "README.md" or (example.name in here and f"`{example.name}`" in listed)
