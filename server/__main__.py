"""The command `allaprima`, from its first moment on: an interrupt ends it at once until something else is arranged.

Python would raise KeyboardInterrupt in whatever runs, and of what runs while modules are imported some keeps it to itself.
"""

import signal
import sys


def main() -> int:
    """Run the command line of this process; the exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, by the wish of who started this
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .command_line import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
