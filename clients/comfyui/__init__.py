"""Nodes for ComfyUI that have an Allaprima server paint: copy this folder into `ComfyUI/custom_nodes`, as `allaprima`."""

from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
