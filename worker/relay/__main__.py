"""Entry point of the relay process: `python -m worker.relay`."""

from __future__ import annotations

import uvloop

from worker.relay.main import main

uvloop.run(main())
