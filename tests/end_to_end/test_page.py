"""The page in a real browser, against the real server with the fake engine."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.student_files import write_student

from .browsing import CHROMIUM, PATIENCE_MS, Server, launched, serving, wait_until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to open the page in")


class _Stripping(socketserver.BaseRequestHandler):
    """A connection through a proxy that serves another server under `/paint`, and takes that off its path."""

    def handle(self) -> None:
        head = self.request.recv(65536)
        method, path, rest = head.split(b" ", 2)
        path = (path.removeprefix(b"/paint") or b"/") if path.startswith(b"/paint") else b"/nowhere"
        lines = rest.split(b"\r\n")
        is_live = any(line.lower().startswith(b"upgrade:") for line in lines)
        # one request a connection: the next one's path would have to be changed, too
        kept = [line for line in lines if is_live or not line.lower().startswith(b"connection:")]
        kept[1:1] = [] if is_live else [b"Connection: close"]
        with socket.create_connection(("127.0.0.1", self.server.inner)) as inner:  # type: ignore[attr-defined]
            inner.sendall(b" ".join((method, path, b"\r\n".join(kept))))
            back = threading.Thread(target=_pump, args=(inner, self.request))
            back.start()
            _pump(self.request, inner)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def stripping(inner: int) -> Iterator[int]:
    """A proxy in front of that port; its own."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Stripping) as proxy:
        proxy.daemon_threads, proxy.inner = True, inner  # type: ignore[attr-defined]
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy.server_address[1]
        proxy.shutdown()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as chromium:
        yield chromium


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[[str], Page]]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []

    def open_url(url: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        return page

    yield open_url
    context.close()
    assert errors == []


def wait_for_paint(page: Page, images: int = 3) -> None:
    """Wait until that many more images have been painted."""
    painted = page.evaluate("allaprima.framesOut")
    wait_until(page, f"allaprima.framesOut >= {painted + images}")


def pixels(page: Page) -> list[int]:
    """What is on the output canvas: every 97th byte of its colours."""
    script = """canvas => Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)
                           .filter((_, i) => i % 4 < 3 && i % 97 === 0)"""
    found: list[int] = page.get_by_test_id("output").evaluate(script)
    return found


def difference(one: list[int], other: list[int]) -> float:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def test_camera_is_painted(server: Server, open_page: Callable[[str], Page]) -> None:
    """With a camera, frames come back, land on the output canvas, and are counted."""
    page = open_page(f"{server.url}?source=camera")
    wait_until(page, "allaprima.source === 'camera'")
    wait_for_paint(page, 5)
    seen = pixels(page)
    assert max(seen) - min(seen) > 20
    expect(page.get_by_test_id("status")).to_have_text("Painting")
    expect(page.get_by_test_id("fps")).not_to_have_text("0.0")
    expect(page.get_by_test_id("note")).to_be_hidden()


def test_a_transparent_picture_lies_on_white(server: Server, open_page: Callable[[str], Page], tmp_path: Path) -> None:
    """What was drawn before does not shine through a picture: it lies on white, as on the server."""
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(clear)
    page = open_page(f"{server.url}?source=camera")
    wait_for_paint(page)
    page.get_by_test_id("file").set_input_files(clear)
    wait_until(page, "allaprima.source === 'picture'")
    wait_until(
        page,
        """() => {
        const canvas = document.getElementById("input");
        return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.every((level) => level === 255);
    }""",
    )


def test_nothing_is_asked_of_another_host(server: Server, browser: Browser) -> None:
    """Everything the page needs comes from its own server."""
    context = browser.new_context()
    page = context.new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]) if request.url.startswith("http") else None)
    page.goto(server.url)
    wait_for_paint(page)
    context.close()
    assert hosts == {f"127.0.0.1:{server.port}"}


def test_two_tabs_paint_their_own_prompts(server: Server, open_page: Callable[[str], Page]) -> None:
    """Two people with different prompts are painted at once, each as asked."""
    pages = [open_page(f"{server.url}?source=pattern&prompt={prompt}") for prompt in ("watercolor", "neon")]
    for page in pages:
        wait_for_paint(page)
        # at full strength nothing of the moving scene is left to differ by
        page.get_by_test_id("strength").fill("1")
        page.wait_for_timeout(500)
        wait_for_paint(page)
    first, second = (pixels(page) for page in pages)
    assert difference(first, second) > 10
    wait_for_paint(pages[0])
    assert difference(first, pixels(pages[0])) < 5


def test_style_chip_goes_into_the_prompt(server: Server, open_page: Callable[[str], Page]) -> None:
    """A click on a style adds it to the prompt, a click on another takes its place, and a second click takes it out."""
    page = open_page(f"{server.url}?prompt=a+pink+cat")
    styles, prompt = page.get_by_test_id("styles"), page.get_by_test_id("prompt")
    for style, expected in (("ink", "a pink cat, ink"), ("mosaic", "a pink cat, mosaic"), ("mosaic", "a pink cat")):
        styles.get_by_role("button", name=style, exact=True).click()
        expect(prompt).to_have_value(expected)


def test_words_that_are_not_understood(server: Server, open_page: Callable[[str], Page]) -> None:
    """The page names words of the prompt that the student does not know, and is silent once there are none."""
    page = open_page(server.url)
    page.get_by_test_id("prompt").fill("a flibbertigibbet, neon")
    expect(page.get_by_test_id("unknown")).to_have_text("Not understood: flibbertigibbet")
    page.get_by_test_id("prompt").fill("a heart, neon")
    expect(page.get_by_test_id("unknown")).to_be_hidden()


def test_still_from_the_words(server: Server, open_page: Callable[[str], Page]) -> None:
    """The still button hangs an image made from the prompt alone."""
    page = open_page(f"{server.url}?prompt=a+red+heart")
    wait_for_paint(page)
    page.get_by_test_id("still").click()
    expect(page.get_by_test_id("stills").get_by_role("img", name="a red heart")).to_have_js_property("naturalWidth", 256)


def test_a_still_that_is_refused(server: Server, open_page: Callable[[str], Page]) -> None:
    """Whoever may not ask, as by another name than the server's, is told what the server says, and is asked for no key."""
    page = open_page(server.url)
    wait_for_paint(page)
    body = '{"error": {"message": "pages of elsewhere may not use this server"}}'
    page.route("**/v1/images/generations", lambda route: route.fulfill(status=403, body=body))
    page.get_by_test_id("still").click()
    expect(page.get_by_test_id("note")).to_contain_text("pages of elsewhere may not use this server", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("key")).to_be_hidden()


def test_wrong_key_is_said_plainly(open_page: Callable[[str], Page]) -> None:
    """A wrong key shows a plain message and a field, and the right one typed there starts the painting."""
    with serving("--api-keys", "right") as guarded:
        page = open_page(f"{guarded.url}#key=wrong")
        note = page.get_by_test_id("note")
        expect(note).to_contain_text("asks for a key", timeout=PATIENCE_MS)
        expect(note).to_contain_text("was not accepted")
        assert "wrong" not in page.url
        page.get_by_test_id("key").fill("right")
        page.get_by_test_id("key").press("Enter")
        wait_for_paint(page)
        expect(note).to_be_hidden()


def test_key_in_the_address(open_page: Callable[[str], Page]) -> None:
    """A key in the fragment opens, leaves the address bar, and is still known after a reload; one in the query is not taken."""
    with serving("--api-keys", "right") as guarded:
        page = open_page(f"{guarded.url}#key=right")
        wait_for_paint(page)
        assert "right" not in page.url
        page.reload()
        wait_for_paint(page)
        other = open_page(f"{guarded.url}?key=right")
        assert "right" not in other.url


@pytest.mark.parametrize(("flags", "opened"), [((), "/paint/"), (("--root-path", "/paint"), "/paint")])
def test_under_a_path(open_page: Callable[[str], Page], flags: tuple[str, ...], opened: str) -> None:
    """Behind a proxy that takes a path off, the page is styled, paints, and makes stills; if told, also without a slash."""
    with serving(*flags) as inner, stripping(inner.port) as port:
        page = open_page(f"http://127.0.0.1:{port}{opened}")
        wait_for_paint(page)
        assert page.evaluate("getComputedStyle(document.body).margin") == "0px"
        page.get_by_test_id("prompt").fill("a red heart")
        page.get_by_test_id("still").click()
        expect(page.get_by_test_id("stills").get_by_role("img", name="a red heart")).to_have_js_property("naturalWidth", 256)


def test_the_page_about_the_api(server: Server, open_page: Callable[[str], Page]) -> None:
    """The page about the API shows its routes, with nothing from another host and nothing that its policy forbids."""
    page = open_page(server.url)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{server.url}docs")
    expect(page.get_by_text("/v1/images/generations", exact=True)).to_be_visible()
    assert [text for text in said if "Content Security Policy" in text] == []


def test_nothing_that_the_policy_forbids(server: Server, open_page: Callable[[str], Page]) -> None:
    """Painting, stills and snapshots need nothing that the page's own policy forbids."""
    page = open_page("about:blank")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{server.url}?prompt=a+red+heart")
    wait_for_paint(page)
    page.get_by_test_id("still").click()
    expect(page.get_by_test_id("stills").get_by_role("img", name="a red heart")).to_have_js_property("naturalWidth", 256)
    with page.expect_download():
        page.get_by_test_id("snapshot").click()
    assert [text for text in said if "Content Security Policy" in text] == []


def test_server_killed_and_back(open_page: Callable[[str], Page]) -> None:
    """When the server dies the page says so, and when it is back the page paints on with the same prompt by itself."""
    with serving() as mortal:
        page = open_page(f"{mortal.url}?prompt=a+blue+boat")
        wait_for_paint(page)
        mortal.kill()
        wait_until(page, "allaprima.status === 'waiting'")
        expect(page.get_by_test_id("note")).to_be_visible()
        expect(page.get_by_test_id("countdown")).to_contain_text("again in")
        mortal.start()
        wait_for_paint(page)
        expect(page.get_by_test_id("note")).to_be_hidden()
        expect(page.get_by_test_id("prompt")).to_have_value("a blue boat")


def test_full_server_says_when_it_tries_again(open_page: Callable[[str], Page]) -> None:
    """A second person at a server for one hears why, and gets in when the first has left."""
    with serving("--max-sessions", "1") as small:
        first = open_page(small.url)
        wait_for_paint(first)
        second = open_page(small.url)
        expect(second.get_by_test_id("note")).to_contain_text("full", timeout=PATIENCE_MS)
        expect(second.get_by_test_id("countdown")).to_contain_text("again in")
        first.close()
        left = r"async () => /^allaprima_sessions 0/m.test(await (await fetch('/metrics')).text())"
        wait_until(second, left)  # or it would be full still, and have ten seconds to wait
        second.get_by_test_id("retry").click()
        wait_for_paint(second)


def test_students_have_their_own_controls(open_page: Callable[[str], Page], tmp_path: Path) -> None:
    """Another student's controls are its own: a strength it knows is chosen for it, and guidance shows where it is told."""
    two_steps = 'schedule = "scaled-linear", prediction = "epsilon", times = [999, 499]'
    write_student(tmp_path, "levels", f'{two_steps}, strengths = "levels"')
    told = "guidance = { default = 8, least = 1, most = 14 }"
    write_student(tmp_path, "told", f'{two_steps}, strengths = "any"', more=told)
    with serving("--engine", "fake", "--students", str(tmp_path), "--student", "embedded,levels,told") as several:
        page = open_page(several.url)
        wait_for_paint(page)
        page.get_by_test_id("strength").fill("0.73")
        expect(page.get_by_test_id("guidance")).to_be_hidden()
        page.get_by_test_id("student").select_option("levels")
        expect(page.get_by_test_id("strength")).to_have_value("0.5")
        page.get_by_test_id("strength").fill("0.9")
        expect(page.get_by_test_id("strength")).to_have_value("1")
        wait_for_paint(page)
        page.get_by_test_id("student").select_option("told")
        expect(page.get_by_test_id("guidance")).to_be_visible()
        expect(page.get_by_test_id("guidance")).to_have_value("8")
        wait_for_paint(page)
        assert page.evaluate("allaprima.status") == "painting"


_MOSTLY_BLACK = """(() => {
    const canvas = document.querySelector("#output");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let dark = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at] + data[at + 1] + data[at + 2] < 60) dark++;
    return dark > 0.7 * data.length / 4;
})()"""


def test_a_student_that_sees(open_page: Callable[[str], Page], tmp_path: Path) -> None:
    """A student that repaints nothing is painted with by its eyes, whose numbers may be set and whose picture be shown."""
    eye = 'control.edges = { eye = "canny", scale = 0.8, licence = "ours", repo = "some/one" }'
    write_student(tmp_path, "sees", 'schedule = "scaled-linear", prediction = "epsilon", times = [999]', more=eye)
    with serving("--engine", "fake", "--students", str(tmp_path), "--student", "embedded,sees") as several:
        page = open_page(several.url)
        wait_for_paint(page)
        expect(page.get_by_test_id("eye")).to_be_hidden()
        page.get_by_test_id("student").select_option("sees")
        expect(page.get_by_test_id("eye")).to_have_value("edges")
        wait_for_paint(page)
        page.get_by_test_id("eye-low").fill("50")
        page.get_by_test_id("eye-shown").check()
        wait_until(page, _MOSTLY_BLACK)  # but for edges
        page.get_by_test_id("student").select_option("embedded")
        expect(page.get_by_test_id("eye")).to_be_hidden()
        wait_for_paint(page)
        assert page.evaluate("allaprima.status") == "painting"


def test_others_watch(server: Server, open_page: Callable[[str], Page]) -> None:
    """The link for others shows the painting and nothing else, without a session of its own, as a browser shows pictures."""
    painter = open_page(server.url)
    wait_for_paint(painter)
    link = painter.get_by_test_id("watch")
    expect(link).to_be_visible()
    watcher = open_page(str(link.evaluate("link => link.href")))
    watched = watcher.get_by_test_id("watched")
    wait_until(watcher, "document.getElementById('watched').naturalWidth === 256")
    expect(watched).to_be_visible()
    for control in ("prompt", "source-camera", "still", "pause"):
        expect(watcher.get_by_test_id(control)).to_be_hidden()
    size = watched.bounding_box()
    assert size is not None
    assert (size["width"], size["height"]) == (1280, 720)  # of the window
    assert watcher.evaluate("allaprima.framesIn") == 0


def test_watching_what_is_over(server: Server, open_page: Callable[[str], Page]) -> None:
    """Who watches a session that is over is told."""
    watcher = open_page(f"{server.url}?view=clean&watch=nobody")
    expect(watcher.get_by_test_id("note")).to_contain_text("This session is over", timeout=PATIENCE_MS)


def test_nothing_but_the_painting(server: Server, open_page: Callable[[str], Page]) -> None:
    """The clean view of one's own session is the painting alone, over the whole window."""
    page = open_page(f"{server.url}?view=clean&source=camera&prompt=ink")
    wait_for_paint(page)
    size = page.get_by_test_id("output").bounding_box()
    assert size is not None
    assert (size["width"], size["height"]) == (1280, 720)
    expect(page.get_by_test_id("prompt")).to_be_hidden()
