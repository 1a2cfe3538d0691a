"""Measure a student, by itself the one that ships: python -m training.measures [--reader FOLDER] [--looks comic,neon] [--true]
[--students FOLDER --student NAME]
"""

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from training.evaluate import Task, open_engine, paint, to_pixels, to_tensors
from training.measures.reader import StyleReader
from training.measures.report import report, true_painter
from training.measures.sources import held_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--reader", type=Path, help="the folder that training.measures.reader wrote; without one nothing is read"
    )
    parser.add_argument("--looks", default="", help="names with commas between; all without")
    parser.add_argument("--student", default="embedded")
    parser.add_argument("--students", type=Path, help="a folder of further students' files")
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--true", action="store_true", help="measure the true looks themselves: the bound of every measure")
    args = parser.parse_args()
    reader = StyleReader.load(args.reader / "looks.pt") if args.reader else None
    looks = [name.strip() for name in args.looks.split(",") if name.strip()]
    with torch.inference_mode():
        if args.true:
            print(json.dumps(report(true_painter, held_out(544), 512, reader, looks), indent=1))
            return
        folders = [args.students] if args.students else []
        with open_engine(args.engine, args.threads, args.student, folders) as engine:
            side = engine.student.width

            def painter(pictures: Tensor, prompt: str, strength: float) -> Tensor:
                # One seed for all: neighbouring frames of a stream have one, too.
                return to_tensors(paint(engine, [Task(prompt, 1, to_pixels(picture), strength) for picture in pictures]))

            print(json.dumps(report(painter, held_out(side + 32), side, reader, looks), indent=1))


if __name__ == "__main__":
    main()
