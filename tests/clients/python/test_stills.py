"""Stills over REST: what is asked, what comes back, and what each refusal means."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from allaprima import BadParams, Full, Gone, Refused, StreamError, stills
from allaprima.sync import stills as blocking

PNG = b"\x89PNG of words"


class Answering(BaseHTTPRequestHandler):
    """Answers as its server is told to."""

    def do_POST(self) -> None:
        server: Any = self.server
        server.asked.append((self.path, dict(self.headers), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        status, headers, body = server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    with HTTPServer(("127.0.0.1", 0), Answering) as running:
        made: Any = running
        made.asked = []
        made.answer = (200, {}, json.dumps({"data": [{"b64_json": base64.b64encode(PNG).decode(), "seed": 7}]}).encode())
        made.url = f"ws://127.0.0.1:{running.server_port}/v1/stream"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield made
        running.shutdown()
        thread.join()


async def test_words_become_images(server: Any) -> None:
    """What is chosen is asked for, what is not is left to the server, and images come back with their seeds."""
    [still] = await stills("a red heart", url=server.url, key="secret", student="embedded", seed=7, format="jpeg", upscale=2)
    assert (still.data, still.seed, still.suffix) == (PNG, 7, "png")
    [(path, headers, asked)] = server.asked
    assert (path, headers["Authorization"]) == ("/v1/images/generations", "Bearer secret")
    assert asked == {
        "prompt": "a red heart", "n": 1, "model": "embedded", "seed": 7, "upscale": 2,
        "response_format": "b64_json", "output_format": "jpeg", "output_compression": 90,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (400, {}, BadParams),
        (404, {}, BadParams),
        (401, {}, Refused),
        (403, {}, Refused),
        (429, {"Retry-After": "3"}, Full),
        (503, {"Retry-After": "3"}, Full),
        (500, {}, Gone),
    ],
)
def test_refusals(server: Any, status: int, headers: dict[str, str], kind: type[StreamError]) -> None:
    """Each refusal is an exception of its own, with the server's words, and when to try again where it says so."""
    server.answer = (status, headers, json.dumps({"error": {"message": "because", "code": "why"}}).encode())
    with pytest.raises(kind, match="because") as caught:
        blocking("x", url=server.url)
    assert getattr(caught.value, "retry_after", 3) == 3
    assert getattr(caught.value, "code", "why") == "why"


def test_a_proxy_that_answers(server: Any) -> None:
    """What a proxy in front of the server says is said, too, though it is not JSON."""
    server.answer = (502, {}, b"<h1>Bad gateway</h1>")
    with pytest.raises(Gone, match="HTTP 502"):
        blocking("x", url=server.url)


def test_no_server() -> None:
    """Without a server the address is in the reason."""
    with pytest.raises(Gone, match=r"127\.0\.0\.1:1"):
        blocking("x", url="http://127.0.0.1:1")
