"""What the command `allaprima` can do, one module each: `add(parser)` gives it flags, `run(flags)` does it."""
