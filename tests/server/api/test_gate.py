"""The gate: everything that can be judged without the body is, before a byte of it is asked for."""

import asyncio
import json
from typing import Any

import pytest

from .conftest import client, refusals

PATH = "/v1/images/generations"
JSON = [(b"content-type", b"application/json")]
RIGHT = (b"authorization", b"Bearer right")
LOCAL, EVIL = (b"host", b"localhost"), (b"origin", b"http://evil.example")


class Never:
    """A body that must not be asked for."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> Any:
        self.asked += 1
        return {"type": "http.request", "body": b"{}", "more_body": False}


async def ask(app: Any, method: str, path: str, headers: list[tuple[bytes, bytes]], receive: Any) -> tuple[int, Any]:
    """Status and decoded body of what is answered."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"localhost"), *headers], "client": ("192.0.2.1", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], json.loads(body) if body.startswith(b"{") else body


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("POST", PATH, JSON, 401, "invalid_api_key"),
        ("POST", PATH, [*JSON, (b"authorization", b"Bearer wrong")], 401, "invalid_api_key"),
        (
            "POST",
            PATH,
            [*JSON, RIGHT, (b"content-length", b"99999999")],
            413,
            "request_too_large",
        ),
        ("POST", PATH, [RIGHT], 415, "unsupported_media_type"),
        ("POST", PATH, [RIGHT, (b"content-type", b"text/plain")], 415, "unsupported_media_type"),
        (
            "POST",
            PATH,
            [*JSON, RIGHT, EVIL],
            403,
            "foreign_origin",
        ),
        ("POST", PATH, [*JSON, RIGHT, (b"origin", b"null")], 403, "foreign_origin"),
        ("POST", "/nowhere", JSON, 404, "not_found"),
        ("PUT", PATH, JSON, 405, "method_not_allowed"),
        ("POST", "/healthz", JSON, 405, "method_not_allowed"),
        ("BREW", PATH, JSON, 405, "method_not_allowed"),
    ],
)
async def test_before_a_byte_is_read(
    make: Any, method: str, path: str, headers: list[tuple[bytes, bytes]], status: int, code: str
) -> None:
    """Key, origin, route, method, kind and stated size are judged without the body, and the error says what is wrong."""
    app, _ = await make(api_keys="right")
    body = Never()
    got, answer = await ask(app, method, path, headers, body)
    assert (got, answer["error"]["code"]) == (status, code)
    assert body.asked == 0


async def test_a_kind_that_is_missing_is_named(make: Any) -> None:
    """Whoever forgets the content type, or leaves it to curl, is told which to send; JSON of any kind is JSON."""
    app, _ = await make()
    async with client(app) as http:
        for headers in ({}, {"content-type": "application/x-www-form-urlencoded"}, {"content-type": "text/plain"}):
            response = await http.post(PATH, content=b'{"prompt":"x"}', headers=headers)
            assert response.status_code == 415
            assert "send Content-Type: application/json" in response.json()["error"]["message"]
        for kind in ("application/json", "Application/JSON; charset=utf-8", "application/problem+json"):
            response = await http.post(PATH, content=b'{"prompt":5}', headers={"content-type": kind})
            assert response.json()["error"]["param"] == "prompt"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"prompt":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "nested too deeply"),
        (b'{"prompt":' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper than"),
        (json.dumps({f"k{n}": n for n in range(4000)}).encode(), "more than 256 values"),
        (b'{"prompt":[' + b"0," * 20_000 + b"0]}", "more than 256 values"),
        (b'{"seed":' + b"9" * 5000 + b"}", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"{", "not JSON"),
    ],
    ids=["brackets", "deep", "keys", "numbers", "digits", "bytes", "half"],
)
async def test_bodies_that_cost_much(make: Any, body: bytes, says: str) -> None:
    """A body that would take long to judge never gets to a route: its error says what there is too much of."""
    app, server = await make()
    async with client(app) as http:
        response = await http.post(PATH, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert says in response.json()["error"]["message"]
    assert refusals(server, "bad_request") == 1


async def test_a_body_over_the_cap(make: Any) -> None:
    """Of a body whose size nobody stated no more is read than may be; what the longest prompts take is within it."""
    app, server = await make(max_prompt="20000")
    chunks = [b'{"prompt":"'] + [b"x" * 65_536] * 100

    async def receive() -> Any:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": True}

    status, answer = await ask(app, "POST", PATH, JSON, receive)
    assert (status, answer["error"]["code"]) == (413, "request_too_large")
    assert len(chunks) > 80
    assert refusals(server, "too_large") == 1
    async with client(app) as http:
        longest = json.dumps({"prompt": "\U0001f600" * 20_000})
        response = await http.post(PATH, content=longest, headers={"content-type": "application/json"})
        assert response.json()["error"]["code"] == "not_ready"


async def test_a_body_that_does_not_come(make: Any) -> None:
    """A body that takes too long is a 408, counted as slow."""
    app, server = await make(body_seconds="0.1")

    async def receive() -> Any:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    status, answer = await ask(app, "POST", PATH, JSON, receive)
    assert (status, answer["error"]["code"]) == (408, "timeout")
    assert refusals(server, "slow") == 1


async def test_a_client_that_leaves_in_the_middle(make: Any) -> None:
    """Who leaves while its body comes is answered nothing, and is no refusal."""
    app, server = await make()
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [(b"host", b"localhost"), *JSON], "query_string": b""}
    await app(scope, receive, send)
    assert sent == []
    assert refusals(server, "bad_request") == 0


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/models", "/v1/models/embedded", "/metrics", "/", "/web/app.js", "/docs", "/openapi.json"]
)
async def test_head(make: Any, path: str) -> None:
    """Whatever can be got can be asked about, with the same headers, and that is no refusal."""
    app, server = await make()
    async with client(app) as http:
        got, asked = await http.get(path), await http.head(path)
    assert (got.status_code, asked.status_code) == (200, 200)
    assert asked.headers["content-type"] == got.headers["content-type"]
    assert sum(refusals(server, reason) or 0 for reason in ("bad_request", "unauthorized", "foreign")) == 0


async def test_methods_that_may(make: Any) -> None:
    """A method that is not taken is answered with those that are."""
    app, _ = await make()
    async with client(app) as http:
        assert (await http.post("/healthz")).headers["allow"] == "GET, HEAD"
        assert (await http.get(PATH)).headers["allow"] == "POST"


async def test_other_hosts(make: Any) -> None:
    """A name that is not ours is a 421 that says which flag would make it so, for every route; ours are served."""
    app, server = await make(allow_hosts="paint.example")
    async with client(app) as http:
        for path in ("/", "/healthz", "/v1/models", "/nowhere"):
            response = await http.get(path, headers={"host": "evil.example:80"})
            assert response.status_code == 421
            assert "--allow-hosts evil.example" in response.json()["error"]["message"]
        for host in ("paint.example", "localhost:1", "127.0.0.1", "192.168.7.7:8000"):
            assert (await http.get("/v1/models", headers={"host": host})).status_code == 200
    assert refusals(server, "foreign") == 4


async def test_other_pages(make: Any) -> None:
    """Another page's request is a 403 that says which flag would let it in; our own page's, and a stated one's, are served."""
    app, server = await make(allow_origins="https://friend.example")
    async with client(app) as http:
        for path in ("/v1/models", "/healthz"):
            response = await http.get(path, headers={"origin": "http://evil.example"})
            assert response.status_code == 403
            assert "--allow-origins http://evil.example" in response.json()["error"]["message"]
            assert "access-control-allow-origin" not in response.headers
        assert (await http.get("/v1/models", headers={"origin": "http://localhost"})).status_code == 200
        friend = await http.get("/v1/models", headers={"origin": "https://friend.example"})
        assert friend.status_code == 200
        assert friend.headers["access-control-allow-origin"] == "https://friend.example"
        assert "x-request-id" in friend.headers["access-control-expose-headers"].lower()
    assert refusals(server, "foreign") == 2


async def test_preflights(make: Any) -> None:
    """A browser that asks first hears yes for a stated page, without a key, and no for any other."""
    app, _ = await make(allow_origins="https://friend.example", api_keys="right")
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-os",
    }
    async with client(app) as http:
        yes = await http.options(PATH, headers={"origin": "https://friend.example", **asked})
        assert yes.status_code == 200
        assert yes.headers["access-control-allow-origin"] == "https://friend.example"
        assert "x-stainless-os" in yes.headers["access-control-allow-headers"]
        no = await http.options(PATH, headers={"origin": "http://evil.example", **asked})
        assert no.status_code == 400
        assert "access-control-allow-origin" not in no.headers
        refused = await http.get("/v1/models", headers={"origin": "https://friend.example"})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://friend.example"


@pytest.mark.parametrize(
    ("public", "opened"), [("", set()), ("metrics", {"/metrics"}), ("docs", {"/docs", "/openapi.json"}), ("metrics,docs", None)]
)
async def test_what_keys_guard(make: Any, public: str, opened: set[str] | None) -> None:
    """With keys, metrics and documents are for who shows one, unless they are made public; health, page, files are for all."""
    app, _ = await make(api_keys="right", public=public)
    guarded = {"/metrics", "/docs", "/docs/start.js", "/openapi.json"}
    opened = guarded if opened is None else opened | ({"/docs/start.js"} if "docs" in public else set())
    async with client(app) as http:
        for path in guarded:
            assert (await http.get(path)).status_code == (200 if path in opened else 401), path
            assert (await http.get(path, headers={"authorization": "Bearer right"})).status_code == 200
        for path in ("/", "/healthz", "/web/app.js", "/docs/files/swagger-ui.css"):
            assert (await http.get(path)).status_code == 200
        assert (await http.get("/v1/models")).status_code == 401


async def test_without_keys_all_is_open(make: Any) -> None:
    """Where no keys are, none is wanted."""
    app, _ = await make()
    async with client(app) as http:
        for path in ("/metrics", "/docs", "/openapi.json", "/v1/models"):
            assert (await http.get(path)).status_code == 200


@pytest.mark.parametrize("prefix", ["", "/paint"])
async def test_under_a_path(make: Any, prefix: str) -> None:
    """Under a root path everything is found, whether the proxy takes the path off or not, and the page says where it is."""
    app, _ = await make(root_path="/paint/", api_keys="right")
    async with client(app, headers={"authorization": "Bearer right"}) as http:
        for path in ("/healthz", "/v1/models", "/web/app.js", "/docs", "/docs/files/swagger-ui.css", "/"):
            assert (await http.get(prefix + path)).status_code == 200, path
        assert '<base href="/paint/">' in (await http.get(f"{prefix}/")).text
        assert (await http.get("/openapi.json")).json()["servers"] == [{"url": "/paint"}]
    async with client(app) as http:
        assert (await http.get(f"{prefix}/v1/models")).status_code == 401
        assert (await http.get("/painting/healthz")).status_code == 404


async def test_headers_that_keep_a_browser_safe(make: Any) -> None:
    """Every answer says that its kind is not to be guessed, that nobody frames it, and that its address is not told."""
    app, _ = await make()
    async with client(app) as http:
        for path in ("/", "/web/app.js", "/healthz", "/v1/nothing", "/docs"):
            headers = (await http.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src 'self';" in (await http.get("/")).headers["content-security-policy"]


async def test_documents_come_from_here(make: Any) -> None:
    """The page about the API names no other host."""
    app, _ = await make()
    async with client(app) as http:
        page = (await http.get("/docs")).text
        assert "//" not in page
        for part in ("docs/files/swagger-ui.css", "docs/files/swagger-ui-bundle.js", "docs/start.js", "openapi.json"):
            assert (await http.get(f"/{part}")).status_code == 200


LET_IN = {"type": "websocket.accept", "subprotocol": "allaprima.v1", "headers": []}


def told(origin: str) -> list[dict[str, Any]]:
    why = f"for this page, start the server with --allow-origins {origin}"
    return [LET_IN, {"type": "websocket.close", "code": 1008, "reason": why}]


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ([(b"host", b"evil.example")], [{"type": "websocket.close"}]),
        (
            [(b"host", b"localhost"), (b"origin", b"http://evil.example")],
            told("http://evil.example"),
        ),
        (
            [(b"host", b"localhost"), (b"origin", b"null")],
            told("null"),
        ),
        (
            [(b"host", b"localhost"), (b"origin", b"http://" + b"x" * 500)],
            told("http://" + "x" * 60),
        ),
    ],
    ids=["host", "page", "null", "long"],
)
async def test_live_connections_of_other_pages(
    make: Any, headers: list[tuple[bytes, bytes]], answer: list[dict[str, Any]]
) -> None:
    """By another name there is no connection at all; another page is told which flag would let it in, and gets no session."""
    app, server = await make()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/v1/stream",
        "query_string": b"",
        "headers": headers,
        "subprotocols": ["allaprima.v1"],
    }
    await app(scope, Never(), send)
    assert sent == answer
    assert len(sent[-1].get("reason", "").encode()) <= 120
    assert refusals(server, "foreign") == 1
