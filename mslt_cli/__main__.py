"""`python -m mslt_cli` is `mslt`: the program as a process, which Ctrl-C ends at any moment and in any number."""

import os
import signal
import sys
from typing import Any

INTERRUPTED, SHOW_CURSOR = 130, "\x1b[?25h"


def start() -> None:
    """Run the program. The first Ctrl-C lets it end in order; a second, or one before it runs, ends it at once."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else whoever started us ignores Ctrl-C
        signal.signal(signal.SIGINT, _end_at_once)
    sys.unraisablehook = _end_if_interrupted
    from mslt_cli.cli import main

    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, _end_in_order)
    try:
        main()
    except KeyboardInterrupt:
        _end_at_once()
    except SystemExit as end:
        if end.code == INTERRUPTED:  # another Ctrl-C while the interpreter goes would kill it
            _end_at_once()
        raise
    finally:
        if signal.getsignal(signal.SIGINT) in (_end_in_order, _end_at_once):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done, and the interpreter goes


def _end_in_order(*_: Any) -> None:
    signal.signal(signal.SIGINT, _end_at_once)
    raise KeyboardInterrupt


def _end_at_once(*_: Any) -> None:
    """End as a kill would, which loses nothing that is written; a bar may have hidden the cursor."""
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(2, SHOW_CURSOR.encode())
    os._exit(INTERRUPTED)


def _end_if_interrupted(unraisable: Any) -> None:
    """Ctrl-C may fall into a callback, which would swallow it."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _end_at_once()
    sys.__unraisablehook__(unraisable)


if __name__ == "__main__":
    start()
