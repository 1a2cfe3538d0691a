"""Students of Stable Diffusion's kind: from published weights to graphs. Needs the extra `build`; serving does not."""
