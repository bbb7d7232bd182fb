"""World: one account, its clients and the oracle, whose answers are compared with the engine's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, permutations
from threading import Barrier

from engine.contracts import timestamps
from engine.errors import GoneError
from engine.sync.pull import StatePage
from tests.support.sync.door import Answer, Door
from tests.support.sync.histories import Entity, Histories, Write
from tests.support.sync.oracle import Oracle
from tests.support.sync.replica import Client, Filter

EVERYTHING: Filter = (None, False)
ROUNDS_MAX = 20
UNDER_WAY_DAYS_MAX = 80
Push = tuple[str, Write]  # by an agent
Labels = Mapping[Entity, tuple[str, set[str]]]  # of the current version, and of its siblings


class World:
    """All that happens, in its order."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.histories = Histories()
        self.oracle = Oracle(self.histories)
        self.names = (f"agent-{number}" for number in count())
        self.clients: list[Client] = []
        # Long ago, so that a sweep at this account's time buries nothing of other accounts.
        self._now = datetime(1990, 1, 1, tzinfo=UTC)
        self._stamps: dict[str, str] = {}  # by label, as last read
        self._skew = timedelta(seconds=2)
        self._newest = ""
        self._days = 0
        self._counts: list[tuple[int, int]] = []  # a day, and the number of writes until then

    def join(self) -> None:
        """Add one more client."""
        self.clients.append(Client(self.histories, self.names))

    def wait(self, days: int) -> None:
        """Let time pass."""
        self._counts.append((self._days, len(self.histories.writes)))
        self._days += days
        self._now += timedelta(days=days)

    def under_way(self) -> list[Write]:
        """Return the writes that may still arrive late: younger than a tombstone's life."""
        old = [count for day, count in self._counts if day <= self._days - UNDER_WAY_DAYS_MAX]
        return self.histories.writes[max(old, default=0) :]

    def tick(self) -> datetime:
        """Return the time of a request by one of two web processes, whose clocks differ."""
        self._now += timedelta(milliseconds=1)
        self._skew = -self._skew
        return self._now + self._skew

    def send(self, agent_id: str, write: Write) -> Answer:
        """Push a write, and check the answer by the oracle."""
        foretold = self.oracle.foretell(agent_id, write)
        (answer,) = self.door.push(agent_id, [write], self.tick())
        assert answer.verdict == foretold, f"{write} by {agent_id} was answered {answer.verdict}"
        self.oracle.record(agent_id, write, answer.verdict)
        self.check()
        return answer

    def send_all(
        self, agent_id: str, writes: Sequence[Write], *, atomic: bool
    ) -> list[Answer] | None:
        """Push a batch; return the answers, or None where one refusal refused all."""
        fork = self.oracle.fork()
        answers = self.door.push(agent_id, writes, self.tick(), atomic=atomic)
        pushes = [(agent_id, write) for write in writes]
        verdicts = [answer.verdict for answer in answers]
        assert fork.explain(pushes, verdicts), f"{pushes} were answered {verdicts}"
        stored = not atomic or set(verdicts) == {"accepted"}
        self.oracle = fork if stored else self.oracle
        self.check()
        return answers if stored else None

    def race(self, pushes: Sequence[Push]) -> list[Answer]:
        """Push concurrently; some order of the pushes must explain every answer and the result."""
        barrier, now = Barrier(len(pushes)), self.tick()

        def run(push: Push) -> Answer:
            barrier.wait()
            return self.door.push(push[0], [push[1]], now)[0]

        with ThreadPoolExecutor(len(pushes)) as threads:
            answers = list(threads.map(run, pushes))
        verdicts = [answer.verdict for answer in answers]
        labels = self._look()
        for order in permutations(range(len(pushes))):
            fork = self.oracle.fork()
            is_explained = fork.explain(
                [pushes[one] for one in order], [verdicts[one] for one in order]
            )
            if is_explained and fork.labels() == labels:
                self.oracle = fork
                self.check()
                return answers
        raise AssertionError(f"no order of {pushes} explains {verdicts} and {labels}")

    def finish(self, client: Client, entity: Entity) -> None:
        """Push an entity, and merge the versions in refusals, until the client is up to date."""
        for _ in range(ROUNDS_MAX):
            write = client.next_write(entity)
            if write is None:
                return
            client.settle(write, self.send(client.agent_id, write))
        raise AssertionError(f"{client.agent_id} is never through with {entity}")

    def page(self, client: Client, query: Filter, limit: int) -> StatePage:
        """Let a client pull a page, or everything from the start if it is the first or it must."""
        since, (kind, without_own) = client.cursors.get(query, 0), query
        if query == EVERYTHING and not since:
            return self._start_over(client, limit)
        try:
            page = self.door.pull(
                since=since,
                kind=kind,
                limit=limit,
                agent_id=client.agent_id,
                exclude_self=without_own,
            )
        except GoneError:
            return self._start_over(client, limit)
        self.door.note(client.agent_id, self._now, since if kind is None else None)
        client.read(page, query)
        return page

    def _start_over(self, client: Client, limit: int) -> StatePage:
        page = self.door.pull(limit=limit, agent_id=client.agent_id)
        states = list(page.states)
        while page.has_more:
            page = self.door.pull(since=page.cursor, limit=limit, agent_id=client.agent_id)
            states += page.states
        whole = replace(page, states=states)
        self.door.note(client.agent_id, self._now, 0)
        client.start_over(whole)
        return whole

    def drain(self, client: Client, query: Filter, limit: int) -> None:
        """Let a client pull to the end, and check that it has all that its query matches."""
        names = {client.agent_id}
        while self.page(client, query, limit).has_more:
            names.add(client.agent_id)
        kind, without_own = query
        for entity, current in self.oracle.current().items():
            if kind in {None, entity[0]} and not (without_own and current.agent_id in names):
                assert current.id in client.copy(entity).causes, f"{names} did not get {current}"

    def sweep(self) -> None:
        """Bury old tombstones."""
        now, stamps = self.tick(), self._stamps
        self.door.bury(now)
        labels, old = (
            self._look(),
            timestamps.to_text(timestamps.from_datetime(now - timedelta(days=90))),
        )
        for entity, current in self.oracle.current().items():
            buriable = current.deleted and stamps[current.label] < old
            assert entity in labels or buriable, f"{current} was buried"
        self.oracle.bury(labels)
        self.check()

    def check(self) -> None:
        """Compare the server's state with the oracle's."""
        labels = self._look()
        assert labels == self.oracle.labels()
        assert not self.oracle.lost_ids()

    def _look(self) -> Labels:
        """Return the labels on the server; stamps must rise, and never change."""
        page = self.door.pull()
        stamps = {state["version"]: state["updatedAt"] for state in page.states}
        assert list(stamps.values()) == sorted(set(stamps.values())), (
            "each stamp is used once, in order"
        )
        for label, stamp in stamps.items():
            right = stamp == self._stamps[label] if label in self._stamps else stamp > self._newest
            assert right, f"{label} has the stamp {stamp}"
        self._stamps, self._newest = stamps, max(self._newest, *stamps.values(), "")
        return {
            (state["type"], state["entityId"]): (
                state["version"],
                {one["version"] for one in state["siblings"]},
            )
            for state in page.states
        }
