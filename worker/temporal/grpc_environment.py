"""Tells gRPC to keep silent and out of forks: imported first, because whatever loads it loads this too late.

Its log would hold the names of hosts that a definition calls, and `temporalio` loads it wherever it is
installed.
"""

from __future__ import annotations

import os

os.environ.update({"GRPC_VERBOSITY": "NONE", "GRPC_ENABLE_FORK_SUPPORT": "0"})
