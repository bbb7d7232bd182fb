"""Native code that has taken over a child reaches no file, network or other process."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc_tools import protoc

from engine.expressions.sandbox import confinement, process
from engine.expressions.sandbox.fair_queue import BusyError
from engine.expressions.sandbox.pool import BrokenError, Pool
from engine.expressions.sandbox.process import SandboxProcess
from engine.expressions.sandbox.worker import ANSWER, VALUE
from tests.support.platform import ROOT
from tests.support.sandbox import hostile_worker
from tests.support.sandbox.hostile_worker import ATTEMPTS, ATTEMPTS_WITHIN, LIES, Target

FOLDER = Path(hostile_worker.__file__).parent
SECRET = ctypes.create_string_buffer(b"a secret")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """This process as the worker, a server beside it, and a file that is anybody's."""
    path = tmp_path_factory.mktemp("host") / "file"
    path.touch()
    path.chmod(0o666)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        yield Target(os.getpid(), ctypes.addressof(SECRET), port, str(path))


@pytest.fixture
def _hostile_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sandbox processes find the kind of program that makes the attempts."""
    paths = [*process._import_paths(), str(FOLDER)]  # noqa: SLF001 - beside our own kinds
    monkeypatch.setattr(process, "_import_paths", lambda: paths)


@pytest.mark.unit
@pytest.mark.usefixtures("_hostile_kind")
@pytest.mark.parametrize("attempt", [*ATTEMPTS, *ATTEMPTS_WITHIN])
def test_a_child_that_hostile_code_controls_is_refused_everything(
    attempt: str, target: Target
) -> None:
    child = SandboxProcess("hostile")
    try:
        answer = child.evaluate(
            attempt.encode(), json.dumps(target).encode(), time.monotonic() + 30
        )
    finally:
        child.end()
    status, _, _ = ANSWER.unpack_from(answer)
    assert (status, json.loads(answer[ANSWER.size :])) == (VALUE, "EPERM")


@pytest.mark.unit
@pytest.mark.usefixtures("_hostile_kind")
@pytest.mark.parametrize("lie", LIES)
def test_a_child_that_answers_as_ours_never_do_ends_its_program_alone(lie: str) -> None:
    children = Pool(1, kind="hostile")
    try:
        with pytest.raises(BrokenError):
            children.evaluate(lie, None)
    finally:
        children.close()


@pytest.mark.unit
def test_a_child_that_stops_reading_holds_its_caller_until_the_deadline() -> None:
    child = SandboxProcess("jq")
    try:
        os.kill(child._process.pid, signal.SIGSTOP)  # noqa: SLF001 - nothing else names it
        with pytest.raises(BusyError):
            child.evaluate(b".", b"1" * 1_000_000, time.monotonic() + 0.1)
    finally:
        child.end()


# A worker that forks itself, as a host without some means confines the fork. What an exec would
# reset stays, so that the fork starts from more than a child has.
WORKER = """
import ctypes, json, os, resource, sys
sys.path += sys.argv[1:3]
import hostile_worker
from engine.expressions.sandbox import confinement, kernel
user, lacking, attempts, target = json.loads(sys.argv[3])
secret = ctypes.create_string_buffer(b"a secret")
if user:
    os.setgroups([]), os.setresgid(user, user, user), os.setresuid(user, user, user)
kernel.hide_memory()
pid = os.getpid()
if not os.fork():
    def lack(*_): raise OSError
    for means, module, name in (
        ("own_user", confinement, "_change_user"),
        ("landlock", confinement.landlock, "restrict"),
        ("seccomp", confinement.seccomp, "install"),
    ):
        if means in lacking: setattr(module, name, lack)
    if "own_user" in lacking: kernel.forbid_new_privileges()
    missing = []
    if "limits" not in lacking:
        limits = {resource.RLIMIT_NOFILE: 0, resource.RLIMIT_FSIZE: 0}
        missing = confinement.Confinement(limits).apply()
    target = hostile_worker.Target(pid, ctypes.addressof(secret), *target[2:])
    outcomes = {name: hostile_worker.outcome(name, target) for name in attempts}
    os.write(1, json.dumps([missing, outcomes]).encode())
    os._exit(0)
os.wait()
"""
ROOT_USER, ANOTHER_USER = 0, 61_000


def run_worker(user: int, lacking: list[str], target: Target) -> tuple[list[str], dict[str, str]]:
    """Return what the confinement lacks, and the outcome of each attempt."""
    argument = json.dumps([user, lacking, list(ATTEMPTS), target])
    command = [sys.executable, "-I", "-S", "-c", WORKER, str(ROOT), str(FOLDER), argument]
    answer = subprocess.run(command, check=True, capture_output=True)
    missing, outcomes = json.loads(answer.stdout)
    return missing, outcomes


needs_root = pytest.mark.parametrize("user", [ROOT_USER, ANOTHER_USER] if os.getuid() == 0 else [0])


@pytest.mark.unit
@needs_root
@pytest.mark.parametrize("lacking", [[means] for means in confinement.MEANS])
def test_each_means_that_a_host_lacks_is_named_and_the_others_suffice(
    user: int, lacking: list[str], target: Target
) -> None:
    missing, outcomes = run_worker(user, lacking, target)
    assert missing == lacking
    assert [name for name, outcome in outcomes.items() if outcome == "done"] == []


@pytest.mark.unit
def test_without_confinement_the_attempts_succeed(target: Target) -> None:
    _, outcomes = run_worker(ROOT_USER, [*confinement.MEANS, "limits"], target)
    assert {name for name, outcome in outcomes.items() if outcome != "done"} == set()


@pytest.mark.unit
def test_this_host_lacks_no_means() -> None:
    assert process.find_missing_means() == []


PROTO_CHILD = """
import json, os, sys
sys.path += sys.argv[1:4]
import hostile_worker
from engine.calls.grpc import proto_worker
command, attempts, target, path = json.loads(sys.argv[4])
proto_worker._import_all(command)
proto_worker._confine(command)
def outcome(name, target): return hostile_worker.outcome(name, hostile_worker.Target(*target))
outcomes = {name: outcome(name, target) for name in attempts}
types_outcome = outcome("read a file", [0, 0, 0, path])
os.write(1, json.dumps([outcomes, types_outcome]).encode())
"""


@pytest.mark.unit
@pytest.mark.parametrize("command", ["encode", "decode"])
def test_the_child_of_protos_reads_googles_types_at_most(command: str, target: Target) -> None:
    types = Path(protoc.__file__).with_name("_proto") / "google/protobuf/any.proto"
    argument = json.dumps([command, [*ATTEMPTS, *ATTEMPTS_WITHIN], target, str(types)])
    paths = [str(ROOT), str(FOLDER), str(Path(protoc.__file__).parents[1])]
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROTO_CHILD, *paths, argument],
        check=True,
        capture_output=True,
    )
    outcomes, types_outcome = json.loads(answer.stdout)
    assert [name for name, outcome in outcomes.items() if outcome == "done"] == []
    assert types_outcome == ("done" if command == "encode" else "EPERM")


# A process of a plain user whose memory and environment others of that user may read, or not.
PLAIN_USER = """
import ctypes, os, sys
from engine.expressions.sandbox import kernel
if os.getuid() == 0: os.setresuid(65534, 65534, 65534)
assert ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0  # PR_SET_DUMPABLE, which the change unset
"""
HIDES = PLAIN_USER + "if sys.argv[1] == 'hidden': kernel.hide_memory()\nprint(flush=True)\ninput()"
READS = """
try: print(len(open(f"/proc/{sys.argv[1]}/environ", "rb").read()) > 0)
except PermissionError: print("refused")
"""


@pytest.mark.unit
@pytest.mark.parametrize(("way", "answer"), [("open", "True"), ("hidden", "refused")])
def test_another_process_of_the_same_user_reads_no_hidden_environment(
    way: str, answer: str
) -> None:
    command = [sys.executable, "-c", HIDES, way]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        reader = subprocess.run(
            [sys.executable, "-c", PLAIN_USER + READS, str(process.pid)],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        process.communicate("\n")
    assert reader.stdout.strip() == answer
