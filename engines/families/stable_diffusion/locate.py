"""Which files a student is put together from, when the user names a place of their own.

`--weights PATH` may be, and is told apart by what lies there:

- one file: the UNet alone, or a whole checkpoint, in diffusers' or in Stability's layout; of a student with a translator
  that;
- a folder with `model_index.json`: a whole pipeline in diffusers' layout. It is self-contained: its own VAE is used. What
  makes a student of it, a UNet or LoRAs of their own, is a file beside that one, or lies where the student's file says on
  this machine;
- a folder with `config.json`: a UNet in diffusers' layout;
- any other folder: a mirror of the hub, with each repository in PATH/OWNER/NAME.
"""

from dataclasses import replace
from pathlib import Path

from ...errors import EngineError
from ..sources import Source
from .weights import ControlWeights, Lora, Weights


def locate(weights: Weights, given: Path | None, full_vae: bool = False) -> Weights:
    """The weights with each source that lies under `given` pointed there. Raises EngineError if `given` is not there."""
    if given is not None:
        weights = _from(weights, given)
    return replace(weights, tiny=None) if full_vae else weights


def _from(weights: Weights, given: Path) -> Weights:
    if given.is_file() and weights.translator is not None:
        return replace(weights, translator=replace(weights.translator, source=Source(path=given.parent, file=given.name)))
    if given.is_file():
        return replace(weights, unet=Source(path=given.parent, file=given.name))
    if not given.is_dir():
        raise EngineError(
            f"--weights: there is nothing at {given}; give a file of weights, a folder of a pipeline or a UNet, or a "
            f"mirror of the hub"
        )
    if (given / "model_index.json").exists():
        return _from_pipeline(weights, given)
    if (given / "config.json").exists():
        return replace(weights, unet=Source(path=given))
    return _from_mirror(weights, given)


def _from_pipeline(weights: Weights, given: Path) -> Weights:
    # a pipeline's own UNet paints noise by the contract of a student that has another, and nobody would be told why
    merged = f"; if the pipeline's own UNet is the student's already, give --weights {given / 'unet'}"
    unet = _beside(weights.unet, given, "UNet", merged) if weights.unet is not None else None
    loras = tuple(Lora(_beside(lora.source, given, "LoRA"), lora.weight) for lora in weights.loras)
    translator = weights.translator
    if translator is not None:
        translator = replace(translator, source=_beside(translator.source, given, "translator"))
    return replace(weights, base=Source(path=given), tiny=None, unet=unet, loras=loras, translator=translator)


def _beside(source: Source, pipeline: Path, what: str, otherwise: str = "") -> Source:
    """A student's own file or folder: a file beside a pipeline, or what lies where the student says. Raises EngineError."""
    name = Path(source.file).name
    if name and (pipeline / name).exists():
        return Source(path=pipeline, file=name)
    if source.path is not None and (source.path / source.file).exists():
        return source
    remedy = f"put {name} beside model_index.json" if name else f"give --weights the folder of {source} instead"
    raise EngineError(f"--weights: the pipeline {pipeline} lacks this student's {what}; {remedy}{otherwise}")


def _from_mirror(weights: Weights, given: Path) -> Weights:
    found = []

    def mirrored(source: Source | None) -> Source | None:
        if source is None or not source.repo or not (given / source.repo).is_dir():
            return source
        found.append(source.repo)
        return Source(path=given / source.repo, file=source.file)

    base, tiny, unet = mirrored(weights.base), mirrored(weights.tiny), mirrored(weights.unet)
    loras = tuple(Lora(mirrored(lora.source) or lora.source, lora.weight) for lora in weights.loras)
    controls = tuple(ControlWeights(one.name, mirrored(one.source) or one.source) for one in weights.controls)
    translator = weights.translator
    if translator is not None:
        translator = replace(translator, source=mirrored(translator.source) or translator.source)
    if not found:
        raise EngineError(
            f"--weights: {given} is neither a pipeline (model_index.json), nor a UNet (config.json), nor a mirror of the hub "
            f"(looked for {weights.base.repo}/ in it)"
        )
    return Weights(base or weights.base, tiny, unet, loras, controls, translator)
