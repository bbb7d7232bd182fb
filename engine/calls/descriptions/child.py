"""Child process that executes one command on the document of a service.

The command is `python -I -S child.py COMMAND <import path>…`. Standard input has a line with the
arguments as JSON, and then the document as JSON. The result on standard output is a JSON object
with `result`, or with `error` when the document or the arguments are at fault.
"""

from __future__ import annotations

import os
import resource
import sys

CPU_SECONDS_MAX = 4
MEMORY_BYTES_MAX = 512 * 1_048_576


def serve() -> None:
    """Execute one command."""
    command, *paths = sys.argv[1:]
    sys.path += paths
    import orjson  # noqa: PLC0415 - its path comes from the command line

    from engine.calls.descriptions import commands  # noqa: PLC0415 - same

    _confine()
    answer: dict[str, object]
    arguments, text = sys.stdin.buffer.readline(), sys.stdin.buffer.read()
    try:
        document = commands.read_json(text)
        del text  # the values that follow need the memory
        answer = {"result": commands.execute(command, document, orjson.loads(arguments))}
    except ValueError as error:
        answer = {"error": str(error)}
    sys.stdout.buffer.write(orjson.dumps(answer))
    sys.stdout.flush()
    os._exit(0)  # skips the clean-up, which nothing needs


def _confine() -> None:
    """Limit memory and time, and give up files, the network and other processes."""
    from engine.expressions.sandbox.confinement import (  # noqa: PLC0415 - found by the command's path
        Confinement,
    )

    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - a plain file
        size = int(statm.read().split()[0]) * resource.getpagesize()
    os.nice(10)  # the worker's own tasks have priority
    limits = {
        resource.RLIMIT_AS: size + MEMORY_BYTES_MAX,
        resource.RLIMIT_CPU: CPU_SECONDS_MAX,
        resource.RLIMIT_NOFILE: 3,
        resource.RLIMIT_FSIZE: 0,
    }
    Confinement(limits).apply()


if __name__ == "__main__":
    serve()
