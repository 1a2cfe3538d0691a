"""A student's graphs on OpenVINO: any CPU, and the default.

Each tick size is compiled by itself, with fixed shapes and buffers bound once. With bf16, OpenVINO still computes what
lies between a graph's last convolution and its output in fp32: there the affine map of the contract belongs, which at
the noisy end multiplies errors (A = 14.6 for epsilon students).
"""

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from .build_cache import BuildCache, Facts, sealed_digests, temporary_for
from .digests import Digests
from .engine import Conditioning, Painted, Row
from .errors import EngineError
from .explain import first_line
from .families import family_of
from .graphs import graph_files, ports, with_weights
from .openvino_parts import part
from .options import OpenVinoOptions
from .ports import AROUND_TICKS, SHOWN, handed, told
from .rows import LATENTS_GONE, NOT_A_NUMBER, time_ticks, wrong_with
from .slots import Latents, Slots
from .student import Student
from .tokens import Tokens

log = logging.getLogger(__name__)

FOLDER = "openvino"
"""Under the folder of all builds."""
_HINTS = {"bf16": "bf16", "fp32": "f32"}
"""What OpenVINO calls a precision."""
_RECIPE = "2"
"""Grows when something else would be kept of the same graphs."""
_Key: TypeAlias = tuple[str, int]
"""A graph, or a part of one, and the size that it is compiled for."""


@dataclass(slots=True, eq=False)
class _Bound:
    """One compiled graph of one size, its inputs and outputs bound to arrays for good."""

    request: Any
    inputs: dict[str, NDArray[Any]]
    outputs: dict[str, NDArray[Any]]

    def run(self) -> None:
        self.request.infer()


class OpenVinoEngine:
    """The engine protocol on OpenVINO. What is compiled is kept in `cache`, the folder of this engine's builds."""

    backend = "openvino"

    def __init__(
        self,
        student: Student,
        batch_sizes: tuple[int, ...],
        cache: Path,
        options: OpenVinoOptions = OpenVinoOptions(),  # noqa: B008 (it is frozen)
        device: str = "CPU",
    ) -> None:
        self.student, self.batch_sizes, self.device = student, tuple(sorted(batch_sizes)), device
        self._core = ov.Core()
        self.precision = self._choose_precision(options.precision)
        self._files = graph_files(student)
        self._tokens, self._ports = Tokens(student), ports(student)
        self._slots = Slots(student.latent_shape, weigh=family_of(student).mask_weights)
        config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
        }
        if options.threads:
            config["INFERENCE_NUM_THREADS"] = options.threads
        self._mapped: list[Any] = []
        self._build(cache, config)

    def warm_up(self) -> dict[int, float]:
        return time_ticks(self.student, self.batch_sizes, self.tick, self.condition(""))

    def condition(self, prompt: str) -> Conditioning:
        for name, ids in self._tokens.encode(prompt).items():
            self._text.inputs[name][0] = ids
        self._text.run()
        return np.array(self._text.outputs["conditioning"][0], dtype=np.float32)

    def count_tokens(self, prompt: str) -> int:
        return self._tokens.count(prompt)

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        size = next((size for size in self.batch_sizes if size >= len(rows)), None)
        if size is None:
            raise EngineError(f"{len(rows)} rows in a tick; this engine was built for at most {self.batch_sizes[-1]}")
        denoise = self._denoise[size]
        wrong = self._open(rows, size)
        self._tell(denoise, rows, wrong)
        if size in self._controls:
            self._show(rows, size, wrong)
        denoise.run()
        x0 = denoise.outputs["x0"][: len(rows)]
        sound = np.isfinite(x0.reshape(len(rows), -1).sum(1))
        painted = [
            Painted(error=why or (None if fine else NOT_A_NUMBER)) for why, fine in zip(wrong, sound, strict=True)
        ]  # fmt: skip
        return self._close(rows, size, x0, painted)

    def forget(self, job: int) -> None:
        self._slots.forget(job)

    def close(self) -> None:
        del self._text, self._encode, self._denoise, self._controls, self._decode
        self._mapped.clear()  # which they used

    # the parts of a tick -----------------------------------------------------------------------------------------

    def _open(self, rows: Sequence[Row], size: int) -> list[str | None]:
        """Write each row's network input; what is wrong with it, if anything is."""
        encode, x = self._encode[size], self._denoise[size].inputs["x"]
        wrong = [wrong_with(row, self._ports) for row in rows]
        images = [place for place, row in enumerate(rows) if row.image is not None and not wrong[place]]
        for place in images:
            encode.inputs["pixels"][place] = rows[place].image
        if images:
            encode.run()
        for place, row in enumerate(rows):
            if wrong[place]:
                x[place] = 0
                continue
            try:
                x[place] = self._slots.open(row, encode.outputs["latents"][place] if row.image is not None else None)
            except KeyError:
                x[place], wrong[place] = 0, LATENTS_GONE
        return wrong

    def _tell(self, part: _Bound, rows: Sequence[Row], wrong: Sequence[str | None]) -> None:
        """Write what rows tell of the inputs of a part."""
        # by declared names alone: the runtime may know a port by others, too, of which no row tells anything
        for name in told(self._ports["denoise"]).keys() & part.inputs.keys():
            for place, row in enumerate(rows):
                value = row.told(name)
                # what a row does not tell is zero
                part.inputs[name][place] = 0 if value is None or wrong[place] else value

    def _show(self, rows: Sequence[Row], size: int, wrong: Sequence[str | None]) -> None:
        """Write what controls add to each row: nothing, which takes no time, where none is shown anything."""
        seeing = [not why and bool(np.any(row.inputs.get("scale", 0))) for row, why in zip(rows, wrong, strict=True)]
        added = self._denoise[size].inputs[SHOWN]
        if any(seeing):
            self._tell(self._controls[size], rows, wrong)
            self._controls[size].run()
        elif size not in self._added:
            return
        for place in range(size):
            if place >= len(rows) or not seeing[place]:
                added[place] = 0
        (self._added.add if any(seeing) else self._added.discard)(size)

    def _close(self, rows: Sequence[Row], size: int, x0: Latents, painted: list[Painted]) -> list[Painted]:
        """Decode the rows that are done and keep the latents of the others."""
        done = [row.last and result.error is None for row, result in zip(rows, painted, strict=True)]
        for row, latents, result in zip(rows, x0, painted, strict=True):
            if result.error is not None:
                latents[:] = 0
                self._slots.forget(row.job)
                continue
            self._slots.settle(row, latents)
            if not row.last:
                self._slots.keep(row, latents)
        if not any(done):
            return painted
        decode = self._decode[size]
        decode.run()
        pixels = decode.outputs["pixels"]
        return [Painted(image=pixels[place].copy()) if done[place] else painted[place] for place in range(len(rows))]

    # building ----------------------------------------------------------------------------------------------------

    def _choose_precision(self, asked: str) -> str:
        able = "BF16" in self._core.get_property(self.device, "OPTIMIZATION_CAPABILITIES")
        if asked == "bf16" and not able:
            raise EngineError(f"{self.device} has no bf16; ask for --precision auto or fp32")
        return "bf16" if able and asked != "fp32" else "fp32"

    def _facts(self, config: dict[str, Any], digests: Digests) -> dict[str, str]:
        return {
            "student": self.student.name,
            "graphs": digests.of(*with_weights(self._files.values())),
            "size": f"{self.student.width}x{self.student.height}",
            "batch_sizes": ",".join(map(str, self.batch_sizes)),
            "precision": self.precision,
            "backend": f"openvino {ov.get_version()}",
            "device": str(self._core.get_property(self.device, "FULL_DEVICE_NAME")).strip(),
            "options": ",".join(f"{key}={value}" for key, value in sorted(config.items())),
            "recipe": _RECIPE,
        }

    def _build(self, root: Path, config: dict[str, Any]) -> None:
        cache, facts = BuildCache(root), self._facts(config, Digests(root))
        folder = cache.folder(facts)
        began = time.perf_counter()
        controls = (SHOWN,) if SHOWN in self._ports["denoise"] else ()
        wanted = [("text", 1), *((graph, size) for graph in (*AROUND_TICKS, *controls) for size in self.batch_sizes)]
        models = self._kept(folder, wanted, config) or self._compiled(cache, folder, facts, wanted, config)
        self._text = _bound(models["text", 1])
        self._encode, self._denoise = (
            {size: _bound(models[graph, size]) for size in self.batch_sizes} for graph in ("encode", "denoise")
        )
        # what has megabytes is read from where it lies: what controls see and add, what is painted and decoded, and with that
        # what the encoder hands over
        self._controls = {
            size: _bound(models[SHOWN, size], self._denoise[size].inputs) for size in self.batch_sizes if controls
        }
        self._added: set[int] = set()
        self._decode = {
            size: _bound(
                models["decode", size],
                {
                    "latents": self._denoise[size].outputs["x0"],
                    **{name: self._encode[size].outputs[name] for name in handed(self._ports)},
                },
            )
            for size in self.batch_sizes
        }
        log.info("%s built for ticks of %s in %.1f s", self.student.name, facts["batch_sizes"], time.perf_counter() - began)

    def _kept(self, folder: Path, wanted: Sequence[_Key], config: dict[str, Any]) -> dict[_Key, Any] | None:
        """What was compiled before, if it is all there and what was sealed; what is not is said."""
        sealed = sealed_digests(folder)
        if not all(_blob(*key) in sealed for key in wanted):
            return None
        models = {}
        for graph, size in wanted:
            path = folder / _blob(graph, size)
            try:
                # the model goes on using this memory, a copy of what others may write into the file from now on
                memory = np.memmap(path, np.uint8, "c")
                if hashlib.sha256(memory.data).hexdigest() != sealed[path.name]:
                    raise ValueError("it is not what was sealed")
                models[graph, size] = self._core.import_model(ov.Tensor(memory, shared_memory=True), self.device, config)
            except (OSError, ValueError, RuntimeError) as error:
                log.warning("%s cannot be used (%s): %s is compiled again", path, first_line(error), self.student.name)
                self._mapped.clear()
                return None
            self._mapped.append(memory)
        return models

    def _compiled(
        self, cache: BuildCache, folder: Path, facts: Facts, wanted: Sequence[_Key], config: dict[str, Any]
    ) -> dict[_Key, Any]:
        """Compile, and keep what is compiled. Where it cannot be kept that is said, and the engine runs all the same."""
        models, keeping = {}, True
        read = {name: self._core.read_model(path) for name, path in self._files.items()}
        if any(graph == SHOWN for graph, _ in wanted):
            read[SHOWN], read["denoise"] = part(read["denoise"], self.student.name)
        for graph, size in wanted:
            models[graph, size] = compiled = self._compile(read[graph], size, config)
            keeping = keeping and self._keep(compiled, folder / _blob(graph, size))
        if keeping:
            try:
                cache.seal(facts)
            except OSError as error:
                self._cannot_keep(folder, error)
        return models

    def _keep(self, compiled: Any, path: Path) -> bool:
        temporary = temporary_for(path)
        try:
            temporary.write_bytes(compiled.export_model().getbuffer())
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            self._cannot_keep(path.parent, error)
            return False
        return True

    def _cannot_keep(self, folder: Path, error: OSError) -> None:
        log.warning(
            "what was compiled for %s cannot be kept in %s (%s), so that every start compiles it again: free space there, or "
            "choose another folder with --cache", self.student.name, folder, error.strerror or error,
        )  # fmt: skip

    def _compile(self, model: Any, size: int, config: dict[str, Any]) -> Any:
        shapes = {}
        for port in model.inputs:
            shape = port.get_partial_shape()
            shape[0] = size
            shapes[port] = shape
        model.reshape(shapes)
        return self._core.compile_model(model, self.device, config)


def _blob(graph: str, size: int) -> str:
    return f"{graph}-{size}.blob"


def _bound(model: Any, given: Mapping[str, NDArray[Any]] = MappingProxyType({})) -> _Bound:
    request = model.create_infer_request()
    return _Bound(request, _bind(request, request.model_inputs, given), _bind(request, request.model_outputs, given))


def _bind(request: Any, ports: Iterable[Any], given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays that the request reads or writes in place, by each of the names that a port goes by: fresh where none is given."""
    arrays = {}
    for port in ports:
        found = [given[name] for name in port.names if name in given]
        array = found[0] if found else np.zeros(tuple(port.shape), dtype=port.element_type.to_dtype())
        request.set_tensor(port, ov.Tensor(array, shared_memory=True))
        arrays.update(dict.fromkeys(port.names, array))
    return arrays
