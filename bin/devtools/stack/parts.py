"""What runs, by name: each process and server can be killed, halted, and started again where it was."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bin.devtools.stack.platform import process
from bin.devtools.stack.postgres import start_postgres
from bin.devtools.stack.server import Server
from bin.devtools.stack.temporal import start_temporal
from bin.devtools.stack.valkey import start_valkey


@dataclass(slots=True)
class Parts:
    """What runs, and with what each process of the Procfile was started."""

    home: Path  # of the servers' data
    logs: Path
    running: dict[str, Server]
    environ: Callable[[str], Mapping[str, str]] = field(repr=False)

    def kill(self, name: str) -> None:
        """Kill a part and all its processes as a machine that loses power would."""
        self._signal(name, signal.SIGKILL)
        self.running[name].process.wait()

    def halt(self, name: str) -> None:
        """Have a part do nothing more, and say nothing of it."""
        self._signal(name, signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """Have a part that was halted go on."""
        self._signal(name, signal.SIGCONT)

    def revive(self, name: str) -> None:
        """Start a part that was killed, where it was."""
        ports = json.loads((self.home / "ports.json").read_text())
        match name:
            case "PostgreSQL":
                self.running[name], _ = start_postgres(self.home / "postgres", ports["postgres"])
            case "Valkey":
                self.running[name], _ = start_valkey(self.home / "valkey", ports["valkey"])
            case "Temporal":
                temporal = self.home / "temporal"
                self.running[name], _, _ = start_temporal(
                    temporal, ports["temporal"], ports["temporal_ui"]
                )
            case _:
                self.running[name] = process(name, self.environ(name), self.logs)

    def _signal(self, name: str, signum: signal.Signals) -> None:
        os.killpg(self.running[name].process.pid, signum)
