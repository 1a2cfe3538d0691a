"""Trials: what is no matter of a neighbour's pace but of yes or no: how a server stops, who gets a session back, who is let in.

Each starts servers of its own and says what was wrong, if anything.
"""

import contextlib
import signal
import socket
import subprocess
import time

from ..serving import HOST, free_port, get
from . import frames
from .attack import KEY, KEYED
from .trial import GRACE, ask, besiege_quietly, dial, end, live, server, starting, status, trial

_SLACK = 2.0
"""Seconds beyond `--grace` in which a server has to end."""
_EVIL = {"Origin": "http://evil.example"}


# stopping ---------------------------------------------------------------------------------------------------------------


@trial(3)
def stopped_while_starting(slack: float) -> list[str]:
    """SIGTERM and SIGINT at moments of a first start, from the interpreter's own to the end of compiling."""
    wrong = []
    for moment in (0.3, 0.9, 1.6, 2.5, 3.6):
        with starting(free_port()) as (process, _):
            time.sleep(moment)
            if process.poll() is None:
                how = signal.SIGTERM if round(moment * 10) % 2 else signal.SIGINT
                complaints = end(process, how, GRACE + _SLACK * slack)
                wrong += [f"after {moment} s: {complaint}" for complaint in complaints]
    return wrong


@trial(3)
def stopped_with_silent_clients(slack: float) -> list[str]:
    """SIGTERM with sockets that are idle, half, slow or never read."""
    with server() as (process, port):
        sockets = besiege_quietly(port)
        wrong = end(process, signal.SIGTERM, GRACE + _SLACK * slack)
        for one in sockets:
            one.close()
    return wrong


@trial(3)
def stopped_while_painting(slack: float) -> list[str]:
    """SIGTERM with stills that wait for a tick longer than the grace."""
    with server("--fake-tick", "30") as (process, port):
        asking = [dial(port) for _ in range(4)]
        for one in asking:
            one.sendall(frames.still({"prompt": "x"}))
        time.sleep(0.5)
        wrong = end(process, signal.SIGTERM, GRACE + _SLACK * slack)
        for one in asking:
            one.settimeout(1)
            answer = b""
            with contextlib.suppress(OSError):
                answer = one.recv(4096)
            wrong += [] if status(answer) == 503 else [f"a still that waited was answered {answer[:40]!r}"]
            one.close()
    return wrong


@trial(3)
def told_twice_to_stop(slack: float) -> list[str]:
    """A second signal ends it at once, whatever its grace."""
    with server("--grace", "60", "--fake-tick", "30") as (process, port), dial(port) as one:
        one.sendall(frames.still({"prompt": "x"}))
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        return end(process, signal.SIGTERM, 1.0 * slack)


@trial(3)
def a_port_in_use(slack: float) -> list[str]:
    """A port that somebody listens on is found before anything is compiled, with status 1."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with starting(taken.getsockname()[1]) as (process, log):
            try:
                code = process.wait(10 * slack)
            except subprocess.TimeoutExpired:
                return ["it goes on without a port"]
            said = log.read_text()
    wrong = [] if code == 1 else [f"status {code}"]
    return wrong + ([f"it compiled first: {said}"] if "compiling" in said else [])


@trial(3)
def an_engine_that_hangs(slack: float) -> list[str]:
    """A tick that never ends: /readyz says so, who waits is answered, and the process ends by itself with status 1."""
    with server("--fake-gate", "/no/such/file", "--stuck-seconds", "1") as (process, port):
        with dial(port) as one:
            one.settimeout(60 * slack)
            one.sendall(frames.still({"prompt": "x"}))
            answer = b""
            with contextlib.suppress(OSError):
                answer = one.recv(4096)
        wrong = [] if status(answer) >= 500 else [f"the still was answered {answer[:60]!r}"]
        try:
            code = process.wait(60 * slack)
        except subprocess.TimeoutExpired:
            return [*wrong, f"it goes on; /readyz says {get(port, '/readyz')}"]
    return wrong + ([] if code == 1 else [f"status {code}"])


# coming back ------------------------------------------------------------------------------------------------------------


@trial(7)
def back_before_the_old_socket_is_gone(slack: float) -> list[str]:
    """Whoever comes back by another network, while the old socket still counts as live, has the same session."""
    with server() as (_, port):
        old, session = live(port)
        new, again = live(port, f"?resume={session}", address="127.0.0.77")
        old.settimeout(5 * slack)
        gone = False
        with contextlib.suppress(OSError):
            while True:
                if not old.recv(4096):
                    gone = True
                    break
        old.close()
        new.close()
    return ([] if session and session == again else [f"{session!r} came back as {again!r}"]) + (
        [] if gone else ["the old socket lives on"]
    )


@trial(7)
def back_after_a_storm(slack: float) -> list[str]:
    """Whoever dropped out finds the session again after 200 joins and leaves of somebody else."""
    with server() as (_, port):
        old, session = live(port, address="127.0.0.77")
        old.close()
        for _ in range(200):
            one, _ = live(port, address="127.0.0.78")
            one.close()
        new, again = live(port, f"?resume={session}", address="127.0.0.77")
        new.close()
    return [] if session and session == again else [f"{session!r} came back as {again!r}"]


# other people's pages ---------------------------------------------------------------------------------------------------


@trial(9)
def another_page(slack: float) -> list[str]:
    """Another page's script gets no session, no still and no leave to ask, on a server without keys."""
    wrong = []
    with server() as (_, port):
        for origin in ("http://evil.example", "null", f"http://localhost.evil.example:{port}", f"http://{HOST}:{port + 1}"):
            one, session = live(port, headers={"Origin": origin, "Host": f"{HOST}:{port}"})
            one.close()
            wrong += [f"a session for a page of {origin}"] if session else []
        one, session = live(port, headers={"Origin": f"http://{HOST}:{port}", "Host": f"{HOST}:{port}"})
        one.close()
        wrong += [] if session else ["no session for its own page"]
        plain = {**_EVIL, "Host": f"{HOST}:{port}", "Connection": "close", "Content-Type": "text/plain"}
        answer = ask(port, frames.still({"prompt": "x"}, plain))
        wrong += ["a still for another page"] if status(answer) == 200 else []
        asked = {**plain, "Access-Control-Request-Method": "POST"}
        answer = ask(port, frames.request("OPTIONS", frames.STILLS, headers=asked))
        wrong += ["another page may ask"] if b"access-control-allow-origin" in answer.lower() else []
    return wrong


@trial(9)
def another_host(slack: float) -> list[str]:
    """A name that somebody made to point here is not served."""
    with server() as (_, port):
        answer = ask(port, frames.request("GET", "/v1/models", headers={"Host": "evil.example", "Connection": "close"}))
        one, session = live(port, headers={"Host": "evil.example"})
        one.close()
    return (["HTTP was served"] if status(answer) == 200 else []) + (["a session was given"] if session else [])


@trial(9)
def what_keys_guard(slack: float) -> list[str]:
    """With keys set, metrics and documents are not for everybody; health is."""
    with server(*KEYED) as (_, port):
        guarded, open_to_all = ("/metrics", "/docs", "/openapi.json", "/v1/models"), ("/healthz", "/readyz", "/")
        wrong = [f"{path} is open" for path in guarded if get(port, path)[0] == 200]
        wrong += [f"{path} is closed" for path in open_to_all if get(port, path)[0] != 200]
        shown = {"Authorization": f"Bearer {KEY}", "Connection": "close"}
        answer = ask(port, frames.request("GET", "/v1/models", headers=shown))
        wrong += [] if status(answer) == 200 else ["a key opens nothing"]
    return wrong
