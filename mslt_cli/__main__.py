"""`python -m mslt_cli` is `mslt`: the program as a process, which signals end at any moment and in any number."""

import os
import signal
import sys

from mslt_cli.stopping import INTERRUPTED, PREEMPTED, end_at_once, end_if_swallowed, end_in_order


def start() -> None:
    """Run the program. The first Ctrl-C lets it end in order; a second, or one before it runs, ends it at once."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else whoever started us ignores Ctrl-C
        signal.signal(signal.SIGINT, end_at_once)
    sys.unraisablehook = end_if_swallowed
    from mslt_cli.cli import main

    if signal.getsignal(signal.SIGINT) is end_at_once:
        signal.signal(signal.SIGINT, end_in_order)
    try:
        main()
    except KeyboardInterrupt:
        end_at_once(signal.SIGINT)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            end_at_once(signal.SIGINT)
        if end.code == PREEMPTED:  # another signal while the interpreter goes would kill it
            os._exit(PREEMPTED)
        raise
    finally:
        if signal.getsignal(signal.SIGINT) in (end_in_order, end_at_once):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done, and the interpreter goes


if __name__ == "__main__":
    start()
