"""The painter: a one-step student that works on pixels, told a look, a thing and its colours by the prompt."""
