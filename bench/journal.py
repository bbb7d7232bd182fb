"""What the journal costs an execution: `python -m bench.journal`.

By turns in one process, on the same servers: (a) a hundred pure steps told to the journal and written
by its thread, over the same ones told to nobody; (b) an execution's end with the two entries of its one step
in its transaction, over one without entries. Prints medians and ratios.
"""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime
from uuid import UUID

import uvloop
from sqlalchemy.orm import Session, sessionmaker
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from bench.engine import HEADER, QUEUE, Bench, by_turns
from bench.platform import HOME
from bin.devtools.conformance.in_memory_events import Memory
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.platform import migrate
from bin.devtools.stack.servers import running
from engine.activities.timeline import Journal
from engine.config.settings import Settings
from engine.contracts import executions as contracts
from engine.contracts.timeline import COUNTED, Entry
from engine.crypto.keyring import Keyring
from engine.interpreter.runtime.timeline import TimelineOutput
from engine.store.accounts import Account
from engine.store.sessions import make_sessions
from engine.temporal import client as temporal
from engine.temporal_workflows.execution import ExecutionWorkflow
from engine.workflows import definitions
from engine.workflows.definitions import Draft
from engine.workflows.executions import executions
from engine.workflows.executions.executions import Order
from engine.workflows.executions.outcomes import Outcomes

STEPS = 100
ROUNDS = 60
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Rows:
    """An account whose executions exist, so that their journals can be kept."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self.sessions = sessions
        account = Account(
            id=uuid7(),
            email=f"{uuid7()}@example.org",
            password_hash="",
            public_key="-",
            created_at=NOW,
        )
        with sessions.begin() as session:
            session.add(account)
            session.flush()
            draft = Draft("bench", "-", "-")
            self._definition = definitions.save(
                session, account_id=account.id, draft=draft, now=NOW
            )
        self.account_id = account.id

    def execution(self) -> UUID:
        """Store one more."""
        with self.sessions.begin() as session:
            order = Order("-", seal_result=False)
            definition = session.merge(self._definition, load=False)
            started = executions.start(
                session, account_id=self.account_id, definition=definition, order=order, now=NOW
            )
            return started.id


async def walk(bench: Bench, rows: Rows, journal: Journal | None) -> None:
    """Walk a hundred pure steps, told to a journal or to nobody."""
    execution_id, account_id = str(rows.execution()), str(rows.account_id)
    steps = [{f"s{number}": {"set": {"n": "${ .n }"}}} for number in range(STEPS)]
    document = {"document": HEADER, "do": steps}
    bench.memory.openings[execution_id] = contracts.Opened("d", 1, document, {"n": 1}, account_id)
    TimelineOutput.sink = journal
    name, start = (
        contracts.execution_workflow_id(execution_id),
        contracts.ExecutionStart(execution_id, account_id),
    )
    await bench.client.execute_workflow(contracts.EXECUTION, start, id=name, task_queue=QUEUE)


def ended(rows: Rows, outcomes: Outcomes, journal: Journal, *, told: int) -> float:
    """End an execution with so many entries waiting; return the milliseconds it took."""
    execution_id, ids = rows.execution(), {"account_id": rows.account_id}
    names = (str(rows.account_id), str(execution_id))
    for seq in range(1, told + 1):
        counts = tuple(0 for _ in COUNTED)
        journal.put(Entry(*names, seq, "/do/0", "set", "started", 1, NOW, None, (), counts))
    began = time.perf_counter()
    with rows.sessions() as session, journal.taken(session, *names):
        outcome = {"status": "completed", "outcome": {"result": 1}}
        outcomes.settle(session, **ids, execution_id=execution_id, now=NOW, **outcome)  # type: ignore[arg-type]
    return 1000 * (time.perf_counter() - began)


async def main() -> None:
    """Measure and print."""
    with running(HOME, database="cloudapi_bench") as stack:
        environ = stack.environ() | fresh_keys()
        migrate(environ, HOME / "logs")
        settings = Settings.from_env(environ)
        rows, memory = Rows(make_sessions(settings)), Memory()
        client = await temporal.connect(settings, keyed=True)
        journal, idle = Journal(rows.sessions, settings), Journal(rows.sessions, settings)
        worker = Worker(
            client,
            task_queue=QUEUE,
            workflows=[ExecutionWorkflow],
            activities=memory.activities(),
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        with journal.open():
            async with worker:
                bench = Bench(client, client, memory)
                tasks = [lambda: walk(bench, rows, journal), lambda: walk(bench, rows, None)]
                told, untold = await by_turns(tasks, ROUNDS)
        print(
            f"(a) {STEPS} pure steps {told:.1f} ms, told to nobody {untold:.1f} ms, "
            f"ratio {told / untold:.2f}; {(told - untold) / STEPS:.3f} ms a step"
        )
        outcomes = Outcomes(Keyring(settings.secrets("keyring")), settings.value_bytes_max)
        pairs = [
            [ended(rows, outcomes, idle, told=count) for count in (2, 0)]
            for _ in range(10 * ROUNDS)
        ]
        with_two, without = (statistics.median(times) for times in zip(*pairs, strict=True))
        print(
            f"(b) an end {with_two:.2f} ms, without entries {without:.2f} ms, ratio {with_two / without:.2f}"
        )


if __name__ == "__main__":
    uvloop.run(main())
