"""Fuzzes the running platform by its own OpenAPI document, with every check that schemathesis has.

Two passes: two accounts as peers, neither of which may see what the other made; then the operations
that end the session or the account that asks, each request in an account of its own.
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
from bin.devtools.stack.platform import LIFTED, PARTS, ROOT, migrate, processes
from bin.devtools.stack.servers import running

HOME = ROOT / ".cloudapi" / "fuzz"
# Addresses that are made up here are registered, and never sent to.
WITHIN = tuple(part for part in PARTS if part != "channels")
SEED = "20260101"  # a red run can be run again
# A live stream ends when its client goes: whoever waits for the whole answer waits for ever.
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
# Which cron expressions and zones there are is no matter of JSON Schema; and these bodies name a workflow,
# which is looked for as soon as the headers are there, as here they always are.
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
        environ = stack.environ() | fresh_keys() | LIFTED | {"PORT": str(port)}
        environ["PULL_WAIT_SECONDS_MAX"] = "0.1"
        environ["PASSKEY_ORIGINS"] = f"http://localhost:{port}"
        migrate(environ, HOME / "logs")
        with processes(environ, HOME / "logs", WITHIN), TemporaryDirectory() as directory:
            api_url = f"http://127.0.0.1:{port}"
            return peers(api_url, Path(directory), examples) + alone(
                api_url, Path(directory), examples
            )


def peers(api_url: str, directory: Path, examples: int) -> int:
    """Fuzz as two accounts, and look whether one sees what is the other's."""
    users = [{"name": name, "fixedHeaders": entered(api_url)} for name in ("alice", "bob")]
    (directory / "users.json").write_text(json.dumps({"auth": users}))
    config = f"[auth.wfc]\npath = {json.dumps(str(directory / 'users.json'))}\npeers = ['alice', 'bob']\n"
    left_out = [word for name in ENDING for word in ("--exclude-name", name)]
    return fuzz(api_url, directory, config, [*left_out, "-n", str(examples)])


def alone(api_url: str, directory: Path, examples: int) -> int:
    """Fuzz what ends the session or account that asks, each time as somebody new."""
    os.environ["FUZZ_AS_NEWCOMERS"] = "1"
    only = [word for name in ENDING for word in ("--include-name", name)]
    return fuzz(
        api_url,
        directory,
        "",
        [*only, "-n", str(examples), "--phases", "examples,coverage,fuzzing"],
    )


def fuzz(api_url: str, directory: Path, config: str, words: list[str]) -> int:
    """Run schemathesis with all checks; return 1 when one of them fails."""
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


def entered(api_url: str) -> list[dict[str, str]]:
    """Return the headers of a new account."""
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
