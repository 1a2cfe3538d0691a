"""A server whose fake engine hangs where HANG says: python tests/end_to_end/hanging.py serve --engine fake ...

`make` and `warm up` hang at start, for ever or for HANG_SECONDS; `tick` and `text` hang on the prompt "hang".
"""

import os
import sys
import time
from typing import Any

import numpy as np

from engines.fake_engine import FakeEngine
from server.command_line import main

_WHERE = os.environ["HANG"]
_SECONDS = float(os.environ.get("HANG_SECONDS", "1e6"))


def _hanging(name: str, hangs: Any) -> None:
    whole = getattr(FakeEngine, name)

    def hanging(self: FakeEngine, *args: Any, **more: Any) -> Any:
        if hangs(self, *args):
            time.sleep(_SECONDS)
        return whole(self, *args, **more)

    setattr(FakeEngine, name, hanging)


def _says_hang(engine: FakeEngine, rows: Any) -> bool:
    return any(np.array_equal(row.conditioning, engine.condition("hang")) for row in rows)


match _WHERE:
    case "make":
        _hanging("__init__", lambda *_: True)
    case "warm up":
        _hanging("warm_up", lambda *_: True)
    case "tick":
        _hanging("tick", _says_hang)
    case "text":
        _hanging("condition", lambda engine, prompt: prompt == "hang")
    case _:
        raise SystemExit(f"there is no hanging at {_WHERE!r}")

sys.exit(main())
