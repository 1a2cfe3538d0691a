"""What goes wrong with engines. Each text says what is wrong, and what to do."""


class EngineError(RuntimeError):
    """The engine could not do what it was asked; the text says what and what to do."""


class BadOption(EngineError, ValueError):
    """An engine was asked for something that it cannot do."""


class EngineLost(EngineError):
    """Nothing that this engine does will work any more, in this process."""
