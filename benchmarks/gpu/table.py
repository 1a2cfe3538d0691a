"""Records as lines of one table, each printed when it is measured."""

from collections.abc import Callable, Mapping
from typing import Any

Record = Mapping[str, Any]

_COLUMNS: tuple[tuple[str, int, Callable[[Record], str]], ...] = (
    ("engine", -16, lambda row: str(row["engine"])),
    ("networks", -10, lambda row: f"{row['family']}-{row['pixels']}"),
    ("type", -9, lambda row: str(row["precision"])),
    ("batch", 5, lambda row: str(row["batch"])),
    ("ahead", 5, lambda row: str(row["under_way"] - 1)),
    ("images/s", 9, lambda row: _number(row["images_per_s"], 1)),
    ("p50 ms", 8, lambda row: _number(row["p50_ms"], 2)),
    ("p99 ms", 8, lambda row: _number(row["p99_ms"], 2)),
    ("JPEG: /s", 9, lambda row: _number(row["jpeg_images_per_s"], 1)),
    ("p50 ms", 8, lambda row: _number(row["jpeg_p50_ms"], 2)),
    ("p99 ms", 8, lambda row: _number(row["jpeg_p99_ms"], 2)),
    ("watts", 6, lambda row: _number(row["watts"], 0)),
    ("J/image", 8, lambda row: _number(row["joules_per_image"], 3)),
    ("TFLOP/s", 8, lambda row: _number(row["tflops"], 1 if (row["tflops"] or 0) >= 1 else 4)),
    ("of peak", 7, lambda row: "-" if row["share"] is None else f"{row['share']:.1%}"),
    ("waits", 5, lambda row: _number(row["waits_per_tick"], 1)),
    ("graphs", 6, lambda row: "-" if row.get("graphs") is None else "{} of {}".format(*row["graphs"])),
)


def heading() -> str:
    return _line([title for title, _, _ in _COLUMNS])


def line(row: Record) -> str:
    """A row of the table."""
    return _line([cell(row) for _, _, cell in _COLUMNS])


def scene_line(scene: Record) -> str:
    """What a scene came to, in words."""
    watts = "" if scene["watts"] is None else f", {scene['watts']:.0f} J a second, {scene['joules_per_frame']:.3f} J a frame"
    return (
        f"{scene['scene']} scene, {scene['cameras']} x {scene['rate']:g} frames/s, {scene['engine']}, "
        f"{'with' if scene['filtered'] else 'without'} the filter: {scene['skipped']:.0%} skipped, "
        f"busy {scene['busy']:.0%}, late {scene['late']:.0%}{watts}"
    )


def said(record: Record) -> str:
    """Any record as what is printed of it."""
    match record["kind"]:
        case "row":
            return line(record)
        case "scene":
            return scene_line(record)
        case "machine":
            return "\n".join(f"{name}: {value}" for name, value in record.items() if name != "kind")
        case "flops":
            parts = ", ".join(f"{name} {count / 1e12:.4g}" for name, count in record["graphs"].items())
            return f"{record['networks']}: {sum(record['graphs'].values()) / 1e12:.4g} TFLOP an image ({parts})"
        case "peak":
            by_side = ", ".join(f"{side}: {rate:.4g}" for side, rate in record["tflops"].items())
            return f"matrix products in {record['precision']}, TFLOP/s by side: {by_side}; the peak is {record['peak']:.4g}"
        case "through":
            stages = ", ".join(f"{name} {_number(value, 1)}" for name, value in record["p50_ms"].items())
            return (
                f"through WebSocket, {record['clients']} clients: {record['images_per_s']:.1f} images/s, p50 ms {stages}, p99 "
                f"{_number(record['p99_ms'], 1)}, {_number(record['rows'], 1)} rows a tick, {record['processor_ms']:.1f} ms of "
                f"processor an image, unanswered {record['unanswered']}"
            )
        case "error":
            return f"{record['what']}: FAILED: {record['error']}"
        case _:
            return f"{record['what']}: {record['why']}"


def _line(cells: list[str]) -> str:
    return "  ".join(
        f"{cell:<{-width}}" if width < 0 else f"{cell:>{width}}" for cell, (_, width, _) in zip(cells, _COLUMNS, strict=True)
    ).rstrip()


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
