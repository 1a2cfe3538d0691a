"""A denoiser in two parts, for ticks that have no use for one: what its controls add, and all the rest."""

from typing import Any

import openvino as ov
from openvino import opset13 as ops

from .errors import EngineError
from .ports import SHOWN


def part(model: Any, whose: str) -> tuple[Any, Any]:
    """What leads to `shown`, as a model; and the rest, which has it as an input. What both need, both compute.

    Raises EngineError, naming whose it is, if it has no such output.
    """
    if all(SHOWN not in port.names for port in model.outputs):
        raise EngineError(f"{whose} has controls by its file, and none in its graphs: build it again, or state none")
    controls, rest = model.clone(), model.clone()
    source = rest.output(SHOWN).get_node().input(0).get_source_output()
    given = ops.parameter(source.get_partial_shape(), source.get_element_type(), name=SHOWN)
    for target in source.get_target_inputs():
        target.replace_source_output(given.output(0))
    source.get_tensor().set_names(set())
    given.output(0).get_tensor().set_names({SHOWN})
    others = [result for result in rest.get_results() if result.input(0).get_source_output() != given.output(0)]
    return _of(controls, [controls.output(SHOWN).get_node()], []), _of(rest, others, [given])


def _of(model: Any, results: list[Any], more: list[Any]) -> Any:
    """The part of a model that leads to some of its results, with the inputs that it needs, in their order."""
    needed, seen = [result.get_name() for result in results], set[str]()
    nodes = {node.get_name(): node for node in (*model.get_ops(), *more)}
    while needed:
        name = needed.pop()
        if name not in seen:
            seen.add(name)
            needed += [one.get_source_output().get_node().get_name() for one in nodes[name].inputs()]
    parameters = [one for one in (*model.get_parameters(), *more) if one.get_name() in seen]
    return ov.Model(results, parameters, model.get_friendly_name())
