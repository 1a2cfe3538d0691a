"""A server that stands in for the Hugging Face hub: repositories of a folder over its API, with faults on demand.

Big files lie behind a redirect to another host, as the hub's do: HEAD tells their digest and size, GET takes a Range.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BIG = 5 << 20
"""Bytes from which a file is of the kind that the hub keeps elsewhere."""


@dataclass(frozen=True)
class Request:
    """What was asked: the path, and the Range and Authorization sent with it, empty where there was none."""

    method: str
    path: str
    range: str
    authorization: str


@dataclass
class Hub:
    """A hub that serves `root`/OWNER/NAME. Its faults: what a repository answers, after how many bytes a big file breaks off
    or stops, and whether it comes damaged."""

    root: Path
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    refuses: dict[str, tuple[int, str]] = field(default_factory=dict)
    breaks_after: list[int] = field(default_factory=list)
    stalls_after: int | None = None
    stalled: threading.Event = field(default_factory=threading.Event)
    corrupts: bool = False

    def ranges(self, name: str) -> list[str]:
        """The Range of each download of a file that lies elsewhere."""
        return [asked.range for asked in self.requests if asked.path.startswith("/elsewhere/") and asked.path.endswith(name)]


@contextmanager
def serving(root: Path) -> Iterator[Hub]:
    """A hub on a free port of this machine, until the block ends."""
    hub = Hub(root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    server.block_on_close = False
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def point_at(url: str, cache: Path, patch: pytest.MonkeyPatch) -> None:
    """Point the library at a hub and an empty cache, as its environment variables do when it is loaded."""
    from huggingface_hub import constants

    patch.setattr(constants, "ENDPOINT", url)
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    patch.setattr(constants, "HF_HUB_CACHE", str(cache))
    patch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *said: object) -> None:
            pass

        def _answer(self) -> None:
            path = unquote(self.path).split("?")[0]
            sent = (self.headers.get("Range", ""), self.headers.get("Authorization", ""))
            hub.requests.append(Request(self.command, path, *sent))
            if path.startswith("/elsewhere/"):
                self._content(hub.root / path.removeprefix("/elsewhere/"))
            elif path.startswith("/api/models/"):
                self._about(*path.removeprefix("/api/models/").split("/revision/"))
            else:
                repo, _, rest = path.strip("/").partition("/resolve/")
                revision, _, name = rest.partition("/")
                if not self._refused(repo, revision):
                    self._file(repo, name)

        def _about(self, repo: str, revision: str = "main") -> None:
            if self._refused(repo, revision):
                return
            folder = hub.root / repo
            files = [{"rfilename": path.relative_to(folder).as_posix()} for path in folder.rglob("*") if path.is_file()]
            self._say(200, {"id": repo, "sha": COMMIT, "siblings": files})

        def _refused(self, repo: str, revision: str) -> bool:
            if repo in hub.refuses:
                self._say(hub.refuses[repo][0], {"error": "no"}, {"X-Error-Code": hub.refuses[repo][1]})
            elif not (hub.root / repo).is_dir():
                self._say(404, {"error": "no"}, {"X-Error-Code": "RepoNotFound"})
            elif revision not in ("main", COMMIT):
                self._say(404, {"error": "no"}, {"X-Error-Code": "RevisionNotFound"})
            else:
                return False
            return True

        def _file(self, repo: str, name: str) -> None:
            path = hub.root / repo / name
            if not path.is_file():
                self._say(404, {"error": "no"}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            elif path.stat().st_size < BIG:
                self._content(path, {"X-Repo-Commit": COMMIT})
            else:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                # by another name the same server is another host
                place = f"{hub.url.replace('127.0.0.1', 'localhost')}/elsewhere/{repo}/{name}"
                linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(path.stat().st_size)}
                self._say(302, {}, {"Location": place, "X-Repo-Commit": COMMIT, **linked})

        def _content(self, path: Path, headers: dict[str, str] | None = None) -> None:
            content = path.read_bytes()
            etag = hashlib.sha1(content).hexdigest()
            first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
            body = content[first:]
            self.send_response(206 if first else 200)
            about = {"ETag": f'"{etag}"', "Content-Length": str(len(body)), "Accept-Ranges": "bytes", **(headers or {})}
            if first:
                about["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            for name, value in about.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if len(content) < BIG:
                self.wfile.write(body)
            elif hub.breaks_after:
                self.wfile.write(body[: hub.breaks_after.pop(0)])
                self.close_connection = True
            elif hub.stalls_after is not None:
                self.wfile.write(body[: hub.stalls_after])
                self.wfile.flush()
                hub.stalled.set()
                threading.Event().wait(30)  # until the other side is gone
            else:
                self.wfile.write(bytes(len(body)) if hub.corrupts else body)

        def _say(self, status: int, said: object, headers: dict[str, str] | None = None) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler
