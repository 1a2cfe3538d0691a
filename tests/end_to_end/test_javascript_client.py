"""The client for JavaScript: in a real browser from the server it speaks to, in Node, and as a package."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from .browsing import CHROMIUM, ROOT, Server, launched, serving, wait_until

MODULE = ROOT / "clients" / "javascript"
NODE, NPM = shutil.which("node"), shutil.which("npm")

in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to run it in")
in_node = pytest.mark.skipif(NODE is None, reason="no Node on this machine to run it in")

PICTURES = """
  const { connect, stills, students, Problem } = await import("/client/allaprima.js");
  const picture = async (colour) => {
    const canvas = new OffscreenCanvas(300, 200);
    const context = canvas.getContext("2d");
    context.fillStyle = colour;
    context.fillRect(0, 0, 300, 200);
    return canvas.convertToBlob({ type: "image/jpeg" });
  };
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def page(server: Server) -> Iterator[Page]:
    """A page of the server's that has no session of its own."""
    with launched() as chromium:
        page = chromium.new_page()
        page.goto(f"{server.url}?view=clean&watch=nobody")
        yield page


def run(page: Page, script: str) -> Any:
    """What this script of an asynchronous function gives, in the page."""
    return page.evaluate(f"async () => {{ {PICTURES} {script} }}")


@in_a_browser
def test_pictures_one_after_another(page: Page) -> None:
    """Pictures of any kind become images, in order, which can be drawn; params count, and the session can be watched."""
    said = run(
        page,
        """
        const live = await connect(location.href, { prompt: "watercolor", similarity: null, strength: 1 });
        const red = await picture("red");
        const frames = [red, await red.arrayBuffer(), new Uint8Array(await red.arrayBuffer()), await createImageBitmap(red)];
        const images = [];
        for await (const image of live.paint(frames, { seed: 7 })) images.push(image);
        const bitmap = await images[0].bitmap();
        const watched = await fetch(live.watchUrl.replace(".mjpg", ".jpg"));
        const said = {
          frames: images.map(({ frame }) => frame), type: images[0].blob.type, width: bitmap.width, seed: live.params.seed,
          prompt: live.params.prompt, student: live.student, size: live.size, counts: live.counts, watched: watched.status,
          engine: images[0].timings.engine > 0, latency: images.every(({ latency }) => latency > 0),
        };
        live.close();
        return said;
        """,
    )
    assert said["frames"] == sorted(said["frames"])
    assert 1 <= len(said["frames"]) <= 4
    assert (said["type"], said["width"], said["size"]) == ("image/jpeg", 256, {"width": 256, "height": 256})
    assert (said["prompt"], said["seed"], said["student"]) == ("watercolor", 7, "embedded")
    assert said["counts"]["sent"] == 4
    assert (said["watched"], said["engine"], said["latency"]) == (200, True, True)


@in_a_browser
@pytest.mark.parametrize("kind", ["stream", "canvas"])
def test_what_always_has_a_newest_picture(page: Page, kind: str) -> None:
    """A canvas, or a stream as of a camera, is painted until the loop is left, and the session then paints something else."""
    images, after = run(
        page,
        """
        const canvas = document.createElement("canvas");
        const context = canvas.getContext("2d");
        let turn = 0;
        const timer = setInterval(() => {
          context.fillStyle = `hsl(${(turn += 30)} 100% 50%)`;
          context.fillRect(0, 0, canvas.width, canvas.height);
        }, 20);
        const source = "KIND" === "canvas" ? canvas : canvas.captureStream();
        const live = await connect(location.href);
        let images = 0;
        for await (const image of live.paint(source)) if (++images === 5) break;
        clearInterval(timer);
        const after = [];
        for await (const image of live.paint([await picture("blue")])) after.push(image.frame);
        live.close();
        return [images, after];
        """.replace("KIND", kind),
    )
    assert (images, after) == (5, [0])


@in_a_browser
def test_what_is_refused(page: Page) -> None:
    """What the server does not take is a problem of a kind, with its words; the session goes on with what it had."""
    said = run(
        page,
        """
        const failing = async (work) => work.then(() => null, ({ name, kind, message }) => ({ name, kind, message }));
        const beginning = await failing(connect(location.href, { strength: 7 }));
        const student = await failing(connect(location.href, { student: "nobody" }));
        const live = await connect(location.href, { seed: 3 });
        const changing = await failing(live.change({ nonsense: 1 }));
        const frames = await failing(live.paint("words").next());
        const images = [];
        for await (const image of live.paint([new Uint8Array([1, 2, 3])])) images.push("bad");
        const trouble = live.trouble;
        for await (const image of live.paint([await picture("red")])) images.push(image.frame);
        live.close();
        const closed = await failing(live.change({ seed: 1 }));
        return { beginning, student, changing, frames, images, trouble, closed, seed: live.params.seed };
        """,
    )
    assert (said["beginning"]["name"], said["beginning"]["kind"]) == ("Problem", "params")
    assert "strength" in said["beginning"]["message"]
    assert (said["student"]["kind"], "no student of that name" in said["student"]["message"]) == ("policy", True)
    assert (said["changing"]["kind"], "nonsense" in said["changing"]["message"]) == ("params", True)
    assert said["frames"]["kind"] == "frames"
    assert said["images"] == [0]
    assert "bad_image" in said["trouble"]
    assert (said["closed"]["kind"], said["seed"]) == ("closed", 3)


@in_a_browser
def test_stills_and_students(page: Page) -> None:
    """Images from words alone, and who there is to paint them."""
    names, types = run(
        page,
        """
        const names = (await students(location.href)).map(({ id }) => id);
        const images = await stills(location.href, "a red heart", { n: 2, seed: 7, format: "png" });
        return [names, images.map(({ type, size }) => [type, size > 100])];
        """,
    )
    assert (names, types) == (["embedded"], [["image/png", True]] * 2)


@in_a_browser
def test_back_after_a_restart(page: Page) -> None:
    """A server that goes and comes back within half a minute is painted with again, with the same params; else it is said."""
    with serving() as mortal:
        assert page.context.browser is not None
        own = page.context.browser.new_page()
        own.goto(f"{mortal.url}?view=clean&watch=nobody")
        run(
            own,
            """
            window.seen = [];
            window.live = await connect(location.href, { seed: 5, similarity: null });
            const endless = (async function* () { while (true) yield picture("red"); })();
            (async () => { for await (const image of live.paint(endless)) seen.push(performance.now()); })();
            """,
        )
        wait_until(own, "seen.length > 2")
        mortal.kill()
        said = own.evaluate("import('/client/live.js').then(({ connect }) => connect(location.href)).catch(({ kind }) => kind)")
        mortal.start()
        before = own.evaluate("seen.length")
        wait_until(own, f"seen.length > {before + 2}")
        assert own.evaluate("live.params.seed") == 5
        assert said == "unreachable"


@in_node
def test_in_node(server: Server, tmp_path: Path, encoded: Any) -> None:
    """In Node, too, files become images."""
    picture, script = tmp_path / "a.jpg", tmp_path / "paint.mjs"
    picture.write_bytes(encoded())
    script.write_text(f"""
import {{ readFile }} from "node:fs/promises";
import {{ connect }} from "{MODULE / "src" / "allaprima.js"}";
const live = await connect("{server.url}", {{ prompt: "ink", similarity: null }});
const frame = await readFile("{picture}");
for await (const image of live.paint([frame, frame])) console.log(image.frame, image.blob.type);
live.close();
""")
    said = subprocess.run([str(NODE), *_socket_flag(), str(script)], capture_output=True, text=True, timeout=60)
    assert said.stdout.splitlines()[:1] == ["0 image/jpeg"], said.stderr


def _socket_flag() -> list[str]:
    """Node has WebSocket without being asked from version 22 on."""
    version = subprocess.check_output([str(NODE), "--version"], text=True)
    return [] if int(version[1:].partition(".")[0]) >= 22 else ["--experimental-websocket"]


@pytest.mark.skipif(NPM is None, reason="no npm on this machine to make a package with")
def test_the_package() -> None:
    """What npm would pack is the module and its types, of the server's version, and needs no other package."""
    import server as ours

    described = json.loads((MODULE / "package.json").read_text())
    packed = json.loads(subprocess.check_output([str(NPM), "pack", "--dry-run", "--json"], cwd=MODULE, timeout=60))[0]
    names = {file["path"] for file in packed["files"]}
    assert {f"src/{path.name}" for path in (MODULE / "src").iterdir()} < names
    assert names >= {described["types"].removeprefix("./"), described["main"].removeprefix("./"), "package.json", "README.md"}
    assert described["version"] == ours.__version__
    assert "dependencies" not in described
