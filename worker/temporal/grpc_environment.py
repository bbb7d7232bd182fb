"""Environment of gRPC: no log, no fork support. It must be imported before anything loads gRPC.

The log would contain the names of hosts that definitions call. `temporalio` loads gRPC wherever
it is installed.
"""

from __future__ import annotations

import os

os.environ.update({"GRPC_VERBOSITY": "NONE", "GRPC_ENABLE_FORK_SUPPORT": "0"})
