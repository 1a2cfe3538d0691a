"""What was to be reached, and whether it was: judged by the records of a run. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Record = Mapping[str, Any]

OURS = ("torch", "tensorrt")
TIMES, SHARE, FEWER = 3.0, 0.45, 2.4
"""A stream against StreamDiffusion's; of the roofline from batch 8 on; joules of a still scene without the filter and with."""


def is_ours(engine: str) -> bool:
    """Whether a contestant is an engine of ours, in whatever variant: `torch-fp8` is."""
    return engine.partition("-")[0] in OURS


@dataclass(frozen=True, slots=True)
class Verdict:
    """`met` is None where the run did not measure it; `figures` says by what."""

    target: str
    met: bool | None
    figures: str

    def __str__(self) -> str:
        word = {True: "met", False: "NOT met", None: "not measured"}[self.met]
        return f"{self.target}: {word}{f' ({self.figures})' if self.figures else ''}"


def judge(records: Sequence[Record]) -> list[Verdict]:
    """The verdicts of a run, by its records of SD 1.5's shapes. Small networks decide nothing."""
    rows = [record for record in records if record["kind"] == "row" and record["family"] == "sd15"]
    verdicts = [_one_stream(rows), _roofline(rows), *_still(records)]
    if any(record["kind"] == "machine" and record["tiny"] for record in records):
        return [replace(verdict, met=None, figures=f"of small networks, {verdict.figures or 'none'}") for verdict in verdicts]
    return verdicts


def _one_stream(rows: Sequence[Record]) -> Verdict:
    target = f"one stream at least {TIMES:g} times StreamDiffusion"
    theirs = [row for row in rows if row["engine"] == "streamdiffusion" and row["batch"] == 1]
    ours = [row for row in rows if is_ours(row["engine"]) and row["batch"] == 1]
    if not theirs or not ours:
        return Verdict(target, None, "")
    base = theirs[-1]["images_per_s"]
    best = max(ours, key=_rate)
    each = ", ".join(
        f"{row['engine']} with {row['under_way']} under way {row['images_per_s'] / base:.2f} times" for row in ours
    )
    return Verdict(target, best["images_per_s"] >= TIMES * base, f"{each} {base:.1f} images/s")


def _roofline(rows: Sequence[Record]) -> Verdict:
    target = f"at least {SHARE:.0%} of the roofline at batch 8 or more"
    large = [row for row in rows if is_ours(row["engine"]) and row["batch"] >= 8 and row["share"] is not None]
    if not large:
        return Verdict(target, None, "")
    best = max(large, key=lambda row: float(row["share"]))
    return Verdict(target, best["share"] >= SHARE, f"{best['engine']} at {best['batch']}: {best['share']:.1%}")


def _still(records: Iterable[Record]) -> list[Verdict]:
    scenes = [record for record in records if record["kind"] == "scene" and record["scene"] == "still"]
    verdicts = []
    for cameras in sorted({int(scene["cameras"]) for scene in scenes}) or [0]:
        watts = {scene["filtered"]: scene["watts"] for scene in scenes if scene["cameras"] == cameras}
        target = f"a still scene, {FEWER:g} times fewer joules with the filter"
        if cameras:
            target += f", {cameras} camera{'s' if cameras > 1 else ''}"
        without, filtered = watts.get(False), watts.get(True)
        if not without or not filtered:
            verdicts.append(Verdict(target, None, ""))
            continue
        figures = f"{without / filtered:.2f} times: {without:.0f} W without, {filtered:.0f} W with"
        verdicts.append(Verdict(target, without / filtered >= FEWER, figures))
    return verdicts


def _rate(row: Record) -> float:
    return float(row["images_per_s"])
