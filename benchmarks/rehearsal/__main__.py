"""Draw the dashboards after three minutes of varied load on the embedded student: python -m benchmarks.rehearsal

That of the queue is drawn after another minute and a third, with front end and workers apart.
"""

import argparse
import asyncio
import contextlib
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..serving import HOST, Serving, serving
from ..workers.stand import Stand
from . import apart, traffic
from .boards import boards
from .draw import draw
from .prometheus import missing_tools, prometheus
from .show import Show

SECONDS = 190.0
QUEUE = "queue"
# small limits, so that three minutes on a small machine show refusals and lateness as well
SERVER = ("--student", "embedded", "--max-waiting", "24", "--still-deadline", "0.6", "--frame-deadline", "0.7")


async def _three_minutes(port: int) -> None:
    """One user; then broken frames, many users and a program that asks for too much; then two users, and all is well again."""
    still, moving, broken = traffic.still_scene(), traffic.moving_scene(), traffic.broken_scene()
    prompts = ("watercolor", "neon", "oil painting", "ink", "mosaic", "comic", "sepia", "pop art")
    steady = [traffic.later(25 + 3 * i, traffic.user(port, moving, 85 - 3 * i, fps=12, prompt=prompts[i])) for i in range(5)]
    rush = [traffic.later(45 + 2 * i, traffic.user(port, moving, 45, fps=20, prompt=prompts[i])) for i in range(8)]
    await asyncio.gather(
        *steady,
        *rush,
        traffic.user(port, still, SECONDS - 2, fps=15, prompt="a person, pencil sketch"),
        traffic.later(8, traffic.stills(port, SECONDS - 15, every=0.7)),
        traffic.later(20, traffic.user(port, broken, 30, fps=6, prompt="neon")),
        traffic.later(40, traffic.impatient_user(port, 55, burst=8, every=0.4)),
        traffic.later(40, traffic.stills(port, 45, every=1.5, at_once=6, n=8)),
        traffic.later(120, traffic.user(port, moving, SECONDS - 125, fps=15, prompt="noir")),
    )


def main(arguments: list[str] | None = None) -> int:
    """Run it and draw. 1 if Prometheus is not installed."""
    parser = argparse.ArgumentParser(prog="benchmarks.rehearsal", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/dashboards"), help="folder for the pictures")
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--watts", default=None, help="the wattage to reckon with, where the machine has no meter")
    parser.add_argument("--only", default="", help=f"of {', '.join(board.name for board in boards())}; none: all")
    options = parser.parse_args(arguments)
    # it would say of every text that the second choice of font lacks a weight
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    if missing := missing_tools():
        print(f"not installed: {', '.join(missing)} (Debian's package prometheus has both)", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = [board for board in boards() if not options.only or board.name in options.only.split(",")]
    if alone := [board for board in wanted if board.name != QUEUE]:
        flags = ("--engine", options.engine, *SERVER, *(("--watts", options.watts) if options.watts else ()))
        with serving(flags) as server, _watched([server], SECONDS) as show:
            asyncio.run(_three_minutes(server.port))
            for board in alone:
                draw(board, show(), options.out / f"{board.name}.png")
    for board in (board for board in wanted if board.name == QUEUE):
        with Stand() as stand:
            workers, fronts = stand.have(workers=2, fronts=1)
            with _watched([*fronts, *workers], apart.SECONDS) as show:
                asyncio.run(apart.eighty_seconds(stand))
                draw(board, show(), options.out / f"{board.name}.png")
    return 0


@contextlib.contextmanager
def _watched(servers: Sequence[Serving], seconds: float) -> Iterator[Callable[[], Show]]:
    """A Prometheus that reads these; what it has seen since, up to when the last users leave."""
    targets = [f"{HOST}:{server.port}" for server in servers]
    with (
        tempfile.TemporaryDirectory(prefix="allaprima-rehearsal-") as folder,
        prometheus(Path(folder), targets) as reader,
    ):
        begun = time.time()
        yield lambda: Show(reader, begun, begun + seconds - 6, step=1.0, interval="8s")


if __name__ == "__main__":
    sys.exit(main())
