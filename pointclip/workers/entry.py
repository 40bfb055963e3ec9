"""The reading process, run as a script by its path: the user's own main module is never imported.

The first line of standard input is JSON: where modules are, and which to import. Calls follow, see `serving`.
"""

import json
import os
import signal
import sys


def _main() -> None:
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)  # nothing that a reader prints comes between the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run decides what Ctrl-C means
    setup = json.loads(calls.readline())
    sys.path[:] = setup["path"]
    from pointclip.workers.serving import serve

    serve(calls, answers, setup["preload"])


if __name__ == "__main__":
    _main()
