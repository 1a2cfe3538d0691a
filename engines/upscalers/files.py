"""What an upscaler's build is made of: one graph, and what it is made again from."""

GRAPH_NAME = "upscale"
GRAPH = f"{GRAPH_NAME}.onnx"
NETWORKS = "networks.json"
PIXELS, ENLARGED = "pixels", "enlarged"
"""The graph's input and output, uint8 [n, h, w, 3]."""
