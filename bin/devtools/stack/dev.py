"""`bin/dev`: run the whole platform on this machine, and play its main use case once."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import secrets
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from bin.devtools.stack import doctor, story
from bin.devtools.stack.client import RefusedError
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.platform import PARTS, ROOT, migrate, processes
from bin.devtools.stack.private_files import write_private
from bin.devtools.stack.server import Server, StartError
from bin.devtools.stack.servers import Stack, running

HOME = Path(os.environ.get("CLOUDAPI_HOME", ROOT / ".cloudapi" / "dev"))
ENV = HOME / "env.json"


def main() -> int:
    """Run the command that the arguments name; return the exit status."""
    parser = argparse.ArgumentParser(prog="bin/dev", description=__doc__)
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--once", action="store_true", help="stop after the story; exit 0 when all of it held"
    )
    one.add_argument("--env", action="store_true", help="print the addresses of the running stack")
    one.add_argument("--doctor", action="store_true", help="say what is missing on this machine")
    options = parser.parse_args()
    if options.doctor:
        return doctor.examine(HOME)
    if options.env:
        return _print_env()
    # In a script's background job SIGINT is ignored, and then Python installs no handler for it.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    try:
        with _lock(), running(HOME) as stack:
            _run(stack, once=options.once)
    except (StartError, AssertionError, RefusedError, BlockingIOError) as fault:
        say = "already running: bin/dev --env" if isinstance(fault, BlockingIOError) else str(fault)
        print(f"{say}\nbin/dev --doctor looks for the cause", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _run(stack: Stack, *, once: bool) -> None:
    api_url = f"http://127.0.0.1:{stack.web_port}"
    origin = f"http://localhost:{stack.web_port}"  # browsers know no passkeys for an IP address
    environ = (
        stack.environ() | _load_keys() | {"PORT": str(stack.web_port), "PASSKEY_ORIGINS": origin}
    )
    environ |= {"CODEC_PORT": str(stack.codec_port)}
    console = Console(stderr=True, highlight=False)
    with console.status("migrating") as status:
        migrate(environ, HOME / "logs")
        status.update("starting web, temporal, relay, fanout, channels and codec")
        with processes(environ, HOME / "logs", (*PARTS, "codec")) as servers:
            write_private(ENV, json.dumps({"API_URL": api_url, **stack.environ()}))
            demo = story.Demo.load(HOME / "demo.json")
            try:
                answer = story.play(api_url, demo, report=lambda line: _tell(console, status, line))
                status.stop()
                _print_pasteable(api_url, stack, demo, answer)
                print(f"CODEC_URL={_codec_url(environ)}", flush=True)
                if not once:
                    console.print("[dim]up; Ctrl-C stops everything[/dim]")
                    _watch([*stack.servers, *servers.values()])
            finally:
                ENV.unlink()


def _tell(console: Console, status: Any, line: str) -> None:
    console.print(f"[green]✓[/green] {line}")
    status.update(line)


def _print_pasteable(api_url: str, stack: Stack, demo: story.Demo, answer: dict[str, Any]) -> None:
    execution = f"/namespaces/default/workflows/execution:{answer['executionId']}"
    login = json.dumps({"email": story.EMAIL, "password": demo.password})
    print(f"API_URL={api_url}")
    print(f"DOCS_URL={api_url}/docs")
    print(f"EXECUTION_URL={stack.temporal_ui_url}{execution}")
    print(f"DEMO_EMAIL={story.EMAIL}")
    print(f"DEMO_PASSWORD={shlex.quote(demo.password)}")
    print(
        f"curl -sS {api_url}/api/auth/login -H 'Content-Type: application/json' "
        f"-d {shlex.quote(login)}",
        flush=True,
    )


def _codec_url(environ: Mapping[str, str]) -> str:
    """Return the address at which an operator logs in; the Temporal UI then shows payloads."""
    return f"http://{environ['CODEC_OPERATORS']}@127.0.0.1:{environ['CODEC_PORT']}/"


def _watch(servers: list[Server]) -> None:
    """Wait until a process ends.

    :raises StartError: with the end of that process's log
    """
    while True:
        time.sleep(0.5)
        for server in servers:
            if server.process.poll() is not None:
                raise StartError(f"{server.name} ended. {server.log} ends:\n{server.tail()}")


def _load_keys() -> dict[str, str]:
    """Return the keys stored beside the data, created at first: old data stays readable."""
    file = HOME / "keys.json"
    operator = {"CODEC_OPERATORS": f"demo:{secrets.token_urlsafe(32)}"}
    earlier_keys = json.loads(file.read_text()) if file.exists() else {}
    keys: dict[str, str] = fresh_keys() | operator | earlier_keys
    write_private(file, json.dumps(keys))
    return keys


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """Lock the data directory for this process; the lock ends with the process.

    :raises BlockingIOError: when another process has the lock
    """
    HOME.mkdir(mode=0o711, parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _print_env() -> int:
    with contextlib.suppress(BlockingIOError), _lock():
        ENV.unlink(missing_ok=True)  # a killed bin/dev leaves it
    if not ENV.exists():
        print("nothing is running here: start bin/dev", file=sys.stderr)
        return 1
    for name, value in json.loads(ENV.read_text()).items():
        print(f"{name}={shlex.quote(value)}")
    return 0


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
