"""Fuzz the running platform by its own OpenAPI document, with every check of schemathesis.

There are two passes. In the first, two accounts are peers, and neither may see the other's objects.
The second calls the operations that end the caller's session or account, each request with a new
account.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Keys
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.platform import NO_RATE_LIMITS, PARTS, ROOT, migrate, processes
from bin.devtools.stack.servers import running

HOME = ROOT / ".cloudapi" / "fuzz"
# Registered channels have random addresses, so the process that sends to them does not run.
WITHIN = tuple(part for part in PARTS if part != "channels")
SEED = "20260101"  # so that a failure can be repeated
# A live stream ends only when its client closes it, so a client that reads all of it never ends.
STREAMS = [
    "--exclude-path",
    "/api/sync/events",
    "--exclude-name",
    "GET /api/executions/{execution_id}/events",
]
# If-Match has statuses of its own (RFC 6585, RFC 9110), which the checks do not know.
CHECKS = """
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 406, 415, 422, 428]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, 429, "5xx"]
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 428, 429, "5xx"]
"""
# JSON Schema cannot say which cron expressions and time zones exist. And these bodies name a
# workflow, which the platform looks up as soon as the headers are valid.
OPERATIONS = """
[[operations]]
include-name = ["POST /api/schedules", "PATCH /api/schedules/{schedule_id}"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 422, 428, 429, "5xx"]
[operations.checks.missing_required_header]
expected-statuses = [400, 401, 403, 404, 406, 415, 422, 428]
[[operations]]
include-name = "POST /api/bulk"
[operations.checks.missing_required_header]
expected-statuses = [400, 401, 403, 404, 406, 415, 422, 428]
"""
ENDING = [
    "POST /api/auth/logout",
    "PATCH /api/auth/me",
    "DELETE /api/auth/me",
    "DELETE /api/auth/sessions/{session_id}",
    "DELETE /api/agents/{agent_id}",
]


def main() -> int:
    """Run both passes on a platform of their own; return how many failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=25, help="most per operation and phase")
    examples = parser.parse_args().examples
    with running(HOME, database="cloudapi_fuzz") as stack:
        port = stack.web_port
        environ = stack.environ() | fresh_keys() | NO_RATE_LIMITS | {"PORT": str(port)}
        environ["PULL_WAIT_SECONDS_MAX"] = "0.1"
        environ["PASSKEY_ORIGINS"] = f"http://localhost:{port}"
        migrate(environ, HOME / "logs")
        with processes(environ, HOME / "logs", WITHIN), TemporaryDirectory() as directory:
            api_url = f"http://127.0.0.1:{port}"
            return peers(api_url, Path(directory), examples) + alone(
                api_url, Path(directory), examples
            )


def peers(api_url: str, directory: Path, examples: int) -> int:
    """Fuzz as two accounts, and check that neither sees the other's objects."""
    users = [{"name": name, "fixedHeaders": register_headers(api_url)} for name in ("alice", "bob")]
    (directory / "users.json").write_text(json.dumps({"auth": users}))
    config = (
        f"[auth.wfc]\npath = {json.dumps(str(directory / 'users.json'))}\n"
        "peers = ['alice', 'bob']\n"
    )
    exclusions = [word for name in ENDING for word in ("--exclude-name", name)]
    return fuzz(api_url, directory, config, [*exclusions, "-n", str(examples)])


def alone(api_url: str, directory: Path, examples: int) -> int:
    """Fuzz the operations that end the caller's session or account, each time as a new account."""
    os.environ["FUZZ_AS_NEWCOMERS"] = "1"
    only = [word for name in ENDING for word in ("--include-name", name)]
    return fuzz(
        api_url,
        directory,
        "",
        [*only, "-n", str(examples), "--phases", "examples,coverage,fuzzing"],
    )


def fuzz(api_url: str, directory: Path, config: str, words: list[str]) -> int:
    """Run schemathesis with all checks; return 1 when one fails, else 0."""
    (directory / "schemathesis.toml").write_text(CHECKS + config + OPERATIONS)
    command: list[str | Path] = [
        Path(sys.executable).parent / "st",
        "--config-file",
        directory / "schemathesis.toml",
    ]
    command += ["run", f"{api_url}/api/openapi.json", "--checks", "all", "--seed", SEED]
    command += ["--request-timeout", "40", "--max-failures", "20", *STREAMS, *words]
    env = os.environ | {"SCHEMATHESIS_HOOKS": "bin.devtools.conformance.schemathesis_hooks"}
    return int(subprocess.run(command, check=False, cwd=ROOT, env=env).returncode != 0)


def register_headers(api_url: str) -> list[dict[str, str]]:
    """Register a new account and return its headers."""
    public_key = json.dumps(Keys.fresh().identity.as_dict(private=False))
    body = {
        "email": f"{uuid7()}@example.org",
        "password": "a long pass phrase",
        "publicKey": public_key,
    }
    answer = httpx2.post(
        f"{api_url}/api/auth/register", json=body, headers={"X-Agent-ID": "laptop"}
    )
    token = answer.raise_for_status().json()["accessToken"]
    return [
        {"name": "Authorization", "value": f"Bearer {token}"},
        {"name": "X-Agent-ID", "value": "laptop"},
    ]


if __name__ == "__main__":
    sys.exit(main())
