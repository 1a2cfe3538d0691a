#!/bin/sh
# Make the painter: photographs, drawings, reader, painter, eye, graphs. Run it again to go on.
# BIN: folder of python; OUT: folder of the training; HOURS: of training, EYE_HOURS of the eye's; DEVICE: cpu or cuda;
# BATCH: pictures a step; LOOKS: the looks to be learnt, with commas between, all if empty; FROM: a folder of graphs to begin
# from, nothing if empty.
set -eu
python="$BIN/python"
mkdir -p "$OUT"
$python -m training.photographs
[ -f "$OUT/things.npz" ] || $python -m training.painter.things --to "$OUT"
if [ -n "${FROM:-}" ] && [ ! -f "$OUT/painter.pt" ]; then
    $python -m training.painter.from_student --from "$FROM" --out "$OUT"
fi
[ -f "$OUT/reader.pt" ] || $python -m training.painter.read --out "$OUT"
# "$@" is from here on the choice of looks, or nothing
set --
[ -z "${LOOKS:-}" ] || set -- --looks "$LOOKS"
if [ "$DEVICE" = cpu ]; then
    # pictures are painted beside the training, which begins with the first few
    count=$(ls "$OUT/shards" 2>/dev/null | wc -l)
    [ "$count" -ge 8 ] || $python -m training.painter.shards --out "$OUT" --count 8 "$@"
    $python -m training.painter.shards --out "$OUT" --count "${SHARDS:-1000}" "$@" &
    painting=$!
    trap 'kill "$painting" 2>/dev/null || true' EXIT INT TERM
fi
$python -m training.painter.train --out "$OUT" --seconds $((HOURS * 3600)) --device "$DEVICE" --batch "$BATCH" "$@"
$python -m training.painter.eye --out "$OUT" --seconds $((${EYE_HOURS:-1} * 3600)) --device "$DEVICE"
$python -m training.painter.export --from "$OUT" --to "$OUT/student"
