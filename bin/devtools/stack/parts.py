"""Parts of the platform by name: each process and server can be killed, halted and restarted."""

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
    """The parts that run, and the environment that each process of the Procfile starts with."""

    home: Path  # of the servers' data
    logs: Path
    running: dict[str, Server]
    environ: Callable[[str], Mapping[str, str]] = field(repr=False)

    def kill(self, name: str) -> None:
        """Kill a part and all its processes, as a power failure would."""
        self._signal(name, signal.SIGKILL)
        self.running[name].process.wait()

    def halt(self, name: str) -> None:
        """Stop a part by SIGSTOP; its peers receive no notice."""
        self._signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Continue a part that was halted."""
        self._signal(name, signal.SIGCONT)

    def revive(self, name: str) -> None:
        """Start a killed part again, at the same port and on the same data."""
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
