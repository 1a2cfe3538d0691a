#!/usr/bin/env bash
# A borrowed GPU in three runs right behind each other: bash benchmarks/gpu/session.sh 1 (then 2, then 3). README.md says what
# each is for and how long it may take. Results lie in $OUT. With REHEARSE=1 the very same on small networks and a processor.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
python=${PYTHON:-python3}
export OUT=${OUT:-$PWD/results} PYTHONUNBUFFERED=1
mkdir -p "$OUT"
carried=${CARRIED:-.carry} site=${SITE:-/tmp/site}
if [ -d "$carried" ]; then "$python" benchmarks/gpu/carry.py --unpack "$carried" --to "$site" || exit 1; fi
export PYTHONPATH="$site:$PWD"
shapes=sd15-512 batches=1,8 small=() kernels=() folder=${FOLDER:-/tmp/allaprima-benchmark}
if [ -n "${REHEARSE:-}" ]; then shapes=sd15-64 batches=1,2 small=(--tiny --device cpu); fi
if [ -f "$carried/kernels.tar.xz" ]; then kernels=(--kernels "$carried/kernels.tar.xz"); fi

one() { # 200 s: is the machine what it should be, is its energy counted, and does an engine paint here, captured
    nvidia-smi
    timeout 20 "$python" -m benchmarks.gpu.power
    timeout 150 "$python" -m pytest -c /dev/null --rootdir=. -p no:cacheprovider --import-mode=importlib tests/gpu -q -rs -m short \
        --durations=8
}

two() { # 560 s: who came before us, then torch with the scenes and a profile of its tick
    "$python" -m benchmarks.gpu "${small[@]}" --folder "$folder" --shapes "$shapes" --batches "$batches" --deadline 110 \
        --only "streamdiffusion,diffusers,$([ -n "${REHEARSE:-}" ] && echo fake || echo standin)"
    "$python" -m benchmarks.gpu "${small[@]}" --folder "$folder" --shapes "$shapes" --batches "$batches" --deadline 390 \
        --only torch,scenes --profile "${kernels[@]}" --pack "$OUT/kernels.tar.xz"
}

three() { # what is left: the server end to end, with what run 2 has compiled
    "$python" -m benchmarks.gpu.through "${small[@]}" --folder "$folder" --sizes "$batches" --clients 1,8,16 --seconds "${SECONDS_EACH:-8}"
}

case ${1:-} in
1) one 2>&1 | tee "$OUT/run-1.log" ;;
2) two 2>&1 | tee "$OUT/run-2.log" ;;
3) three 2>&1 | tee "$OUT/run-3.log" ;;
*) echo "which run? 1, 2 or 3" >&2 && exit 2 ;;
esac
