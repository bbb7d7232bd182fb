"""Child process that confines itself and writes the means that this host lacks, as JSON.

Its command line is `python -I -S probe.py <import path>…`.
"""

from __future__ import annotations

import json
import sys


def serve() -> None:
    """Confine the process and write the result."""
    sys.path += sys.argv[1:]
    from engine.expressions.sandbox import confinement  # noqa: PLC0415 - found by its path

    sys.stdout.write(json.dumps(confinement.Confinement().apply()))
    sys.stdout.flush()


if __name__ == "__main__":
    serve()
