"""Entry point of the web process: `python -m web.server`."""

from __future__ import annotations

import sys

from web.server.uvicorn_server import main

sys.exit(main())
