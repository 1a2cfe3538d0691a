#!/bin/sh
# Make the embedded student from nothing: codec, pairs, teacher, student, graphs, proof. Run it again to go on.
# BIN: folder of python; OUT: folder of the training; HOURS: of training; DEVICE: cpu or cuda; BATCH: pairs a step.
set -eu
python="$BIN/python"
seconds=$((HOURS * 3600))
mkdir -p "$OUT"
[ -f "$OUT/codec.pt" ] || $python -m training.train_codec --out "$OUT" --device "$DEVICE"
if [ ! -f "$OUT/shards/done" ]; then
    # half of the pairs by a second process: rendering is single-threaded
    $python -m training.shards --out "$OUT" --count 40 --first 100 &
    $python -m training.shards --out "$OUT" --count 40
    wait
    touch "$OUT/shards/done"
fi
$python -m training.train --out "$OUT" --stage teacher --seconds $((seconds * 7 / 10)) --device "$DEVICE" --batch "$BATCH"
$python -m training.train --out "$OUT" --stage student --seconds $((seconds * 3 / 10)) --device "$DEVICE" --batch "$BATCH" --rate 3e-4
$python -m training.export --from "$OUT" --to engines/students/embedded
[ -f "$OUT/reader.pt" ] || $python -m training.reader --out "$OUT" --seconds 600
$python -m training.evaluate --reader "$OUT"
$python -m training.contact_sheet --to docs/contact-sheet.png
