"""The text that tools of this family write into a PNG and read back: the prompt, and how the picture was made."""

import json
import re
from collections.abc import Mapping
from typing import Any

_PAIR = re.compile(r'\s*(\w[\w \-/]{0,80}): ("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_NEGATIVE = "Negative prompt: "
_LEAST_PAIRS = 3
"""In a last line with fewer there are words of the prompt."""
_LONGEST = 1 << 16


def write(prompt: str, negative: str, facts: Mapping[str, Any]) -> str:
    """The prompt, the negative one if there is one, and a line of facts."""
    lines = [prompt, *([_NEGATIVE + negative] if negative else [])]
    return "\n".join([*lines, ", ".join(f"{name}: {_quoted(value)}" for name, value in facts.items())])


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if set(",:\n") & set(text) else text


def read(text: str) -> dict[str, str]:
    """What such a text says, by name; of what is none, the prompt is all of it."""
    *lines, last = text[:_LONGEST].strip().split("\n")
    pairs = _PAIR.findall(last)
    if len(pairs) < _LEAST_PAIRS:
        lines, pairs = [*lines, last], []
    prompt, found, negative = "\n".join(lines).partition(_NEGATIVE)
    said = {"Prompt": prompt.strip(), "Negative prompt": negative.strip() if found else ""}
    return said | {name.strip(): _bare(value) for name, value in pairs}


def _bare(value: str) -> str:
    value = value.strip()
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
