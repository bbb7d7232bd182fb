"""What the timeline costs an execution: `python -m bench.timeline`.

By turns in one process, on the same servers. (a) A hundred pure steps whose timeline entries a
thread writes, over the same steps without a timeline. (b) An execution's end that stores the two
entries of its one step, over an end without entries. Prints medians and ratios.
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
from engine.config.settings import Settings
from engine.contracts.executions import EXECUTION, ExecutionStart, OpenedExecution
from engine.contracts.timeline import COUNTED_PHASES, TimelineEntry
from engine.crypto.keyring import Keyring
from engine.interpreter.runtime.timeline import TimelineOutput
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.store.sessions import make_sessions
from engine.temporal.connection import connect
from engine.temporal_workflows.execution import ExecutionWorkflow
from engine.workflows import definitions
from engine.workflows.definitions import Draft
from engine.workflows.executions import executions
from engine.workflows.executions.executions import SealedInput
from engine.workflows.executions.outcomes import Outcomes
from engine.workflows.executions.timeline_writer import TimelineWriter

STEPS = 100
ROUNDS = 60
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Rows:
    """Account with executions in the database, so that their timelines can be stored."""

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
            self._definition = definitions.save(AccountScope(session, account.id, NOW), draft)
        self.account_id = account.id

    def execution(self) -> UUID:
        """Insert one more execution and return its id."""
        with self.sessions.begin() as session:
            order = SealedInput("-", seal_result=False)
            definition = session.merge(self._definition, load=False)
            execution = executions.start(
                AccountScope(session, self.account_id, NOW), definition, order
            )
            return execution.id


async def walk(bench: Bench, rows: Rows, writer: TimelineWriter | None) -> None:
    """Execute a hundred pure steps, with a timeline or without one."""
    execution_id, account_id = str(rows.execution()), str(rows.account_id)
    steps = [{f"s{number}": {"set": {"n": "${ .n }"}}} for number in range(STEPS)]
    document = {"document": HEADER, "do": steps}
    bench.memory.openings[execution_id] = OpenedExecution("d", 1, document, {"n": 1}, account_id)
    TimelineOutput.sink = writer
    name, start = (
        f"execution:{execution_id}",
        ExecutionStart(execution_id, account_id),
    )
    await bench.client.execute_workflow(EXECUTION, start, id=name, task_queue=QUEUE)


def end_execution(rows: Rows, outcomes: Outcomes, writer: TimelineWriter, *, entries: int) -> float:
    """End an execution with so many entries pending; return the milliseconds it took."""
    execution_id = rows.execution()
    names = (str(rows.account_id), str(execution_id))
    for seq in range(1, entries + 1):
        counts = tuple(0 for _ in COUNTED_PHASES)
        writer.add(TimelineEntry(*names, seq, "/do/0", "set", "started", 1, NOW, None, (), counts))
    began = time.perf_counter()
    with writer.transaction(*names) as session:
        scope = AccountScope(session, rows.account_id, NOW)
        outcomes.settle(scope, execution_id, status="completed", outcome={"result": 1})
    return 1000 * (time.perf_counter() - began)


async def main() -> None:
    """Measure and print."""
    with running(HOME, database="cloudapi_bench") as stack:
        environ = stack.environ() | fresh_keys()
        migrate(environ, HOME / "logs")
        settings = Settings.from_env(environ)
        rows, memory = Rows(make_sessions(settings)), Memory()
        client = await connect(settings, keyed=True)
        writer, idle = (
            TimelineWriter(rows.sessions, settings),
            TimelineWriter(rows.sessions, settings),
        )
        worker = Worker(
            client,
            task_queue=QUEUE,
            workflows=[ExecutionWorkflow],
            activities=memory.activities(),
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        with writer.run():
            async with worker:
                bench = Bench(client, client, memory)
                tasks = [lambda: walk(bench, rows, writer), lambda: walk(bench, rows, None)]
                with_timeline, without_timeline = await by_turns(tasks, ROUNDS)
        print(
            f"(a) {STEPS} pure steps {with_timeline:.1f} ms, "
            f"without a timeline {without_timeline:.1f} ms, "
            f"ratio {with_timeline / without_timeline:.2f}; "
            f"{(with_timeline - without_timeline) / STEPS:.3f} ms a step"
        )
        outcomes = Outcomes(Keyring(settings.secrets("keyring")), settings.value_bytes_max)
        pairs = [
            [end_execution(rows, outcomes, idle, entries=count) for count in (2, 0)]
            for _ in range(10 * ROUNDS)
        ]
        with_two, without = (statistics.median(times) for times in zip(*pairs, strict=True))
        print(
            f"(b) an end {with_two:.2f} ms, without entries {without:.2f} ms, "
            f"ratio {with_two / without:.2f}"
        )


if __name__ == "__main__":
    uvloop.run(main())
