#!/bin/sh
# Teach the painter that ships an eye again, from nothing: photographs, the eye, graphs. Run it again to go on.
# BIN: folder of python; OUT: folder of the training; EYE_HOURS: of training; DEVICE: cpu or cuda.
set -eu
python="$BIN/python"
mkdir -p "$OUT/student"
$python -m training.photographs
$python -m training.painter.eye --out "$OUT" --seconds $((EYE_HOURS * 3600)) --device "$DEVICE"
cp -r engines/students/painter engines/students/painter.toml "$OUT/student/"
$python -m training.painter.add_eye --from "$OUT" --to "$OUT/student"
