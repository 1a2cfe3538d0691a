"""Numbers as Grafana writes them, for the units that our dashboards use."""

from math import floor, isnan, log10

_STEPS = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"))
_LONG = ((86400, "d"), (3600, "h"), (60, "min"))
_SYMBOLS = {"s": "s", "joule": "J", "watt": "W", "watth": "Wh", "short": ""}


def text(value: float, unit: str, decimals: int | None = None) -> str:
    """A value with its unit. Raises KeyError for a unit that is not known here."""
    if isnan(value):
        return "NaN"
    if unit == "percentunit":
        return f"{_number(100 * value, decimals)}%"
    if unit.startswith("suffix:"):
        return f"{_number(value, decimals)}{unit.removeprefix('suffix:')}"
    if unit == "none":
        return _number(value, decimals)
    if unit == "bytes":
        return _bytes(value, decimals)
    symbol = _SYMBOLS[unit]
    if unit == "s" and value >= 60:
        long, name = next((long, name) for long, name in _LONG if value >= long)
        return f"{_number(value / long, decimals)} {name}"
    size, prefix = _scale(value, unit)
    shown = _number(value / size, None if prefix == "m" else decimals)
    return f"{shown} {prefix}{symbol}".rstrip() if symbol else f"{shown}{prefix and ' ' + prefix}"


def _bytes(value: float, decimals: int | None) -> str:
    for prefix in ("", "Ki", "Mi"):
        if abs(value) < 1024:
            return f"{_number(value, decimals)} {prefix}B"
        value /= 1024
    return f"{_number(value, decimals)} GiB"


def _scale(value: float, unit: str) -> tuple[float, str]:
    for size, prefix in _STEPS:
        # nobody says kiloseconds, nor thousandths of a thing
        if (unit == "s" and size > 1) or (unit == "short" and size < 1):
            continue
        if abs(value) >= size:
            return size, prefix
    return 1.0, ""


def _number(value: float, decimals: int | None) -> str:
    if decimals is None:
        # three figures, as far as they say something
        decimals = 0 if value == 0 else max(0, 2 - floor(log10(abs(value)) + 1e-9))
        shown = f"{value:.{min(decimals, 6)}f}"
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    return f"{value:.{decimals}f}"
