"""The first moments of the command."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.siege.trial import hear_interrupts
from server import command_line

PATIENCE = 60.0
_KEEPS_INTERRUPTS = """
import sys, time, types
def main():
    print("begun", flush=True)
    while True:
        try:
            time.sleep(1)
        except KeyboardInterrupt:
            pass
sys.modules["server.command_line"] = types.SimpleNamespace(main=main)
import server.__main__
server.__main__.main()
"""


def test_an_interrupt_at_once() -> None:
    """Before a server arranges how it ends, an interrupt ends the process, whatever would keep that to itself."""
    command = [sys.executable, "-c", _KEEPS_INTERRUPTS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=hear_interrupts) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(PATIENCE) == -signal.SIGINT
        finally:
            process.kill()


@pytest.fixture
def at_once() -> Iterator[None]:
    """As `python -m server` begins."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("at_once")
def test_what_tidies_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Commands that do not serve are interrupted by an exception, as Python's are."""
    assert command_line.main(["students"]) == 0
    assert "painter" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
