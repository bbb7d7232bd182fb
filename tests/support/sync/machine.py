"""State machine of clients that edit, push, pull, crash, are cloned and restored, in any order."""

from __future__ import annotations

import sys

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.support.sync.door import PAGE_MAX, Door
from tests.support.sync.histories import Entity, Write
from tests.support.sync.replica import Client, Filter
from tests.support.sync.world import EVERYTHING, ROUNDS_MAX, World

ENTITIES: list[Entity] = [("settings", "theme"), ("settings", "note"), ("agent", "theme")]
CLIENTS_MAX = 5
FILTERS = st.sampled_from(
    [EVERYTHING, EVERYTHING, (None, True), ("settings", False), ("agent", True)]
)
WHO = st.integers(0, CLIENTS_MAX - 1)
ENTITY = st.sampled_from([*ENTITIES, ENTITIES[0]])
LIMITS = st.integers(1, 4)


class Machine(RuleBasedStateMachine):
    """Steps that may happen; `World` checks the result of each."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.open_door())
        self.backups: dict[int, Client] = {}

    def open_door(self) -> Door:
        """Return the door to a new account."""
        raise NotImplementedError

    def place(self, who: int) -> int:
        """Return the index of a client: every number is one's, modulo their count."""
        return who % len(self.world.clients)

    def client(self, who: int) -> Client:
        """Return a client."""
        return self.world.clients[self.place(who)]

    @initialize()
    def two_clients(self) -> None:
        self.world.join()
        self.world.join()

    @rule()
    def a_newcomer(self) -> None:
        if len(self.world.clients) < CLIENTS_MAX:
            self.world.join()

    @rule(who=WHO)
    def clone(self, who: int) -> None:
        if len(self.world.clients) < CLIENTS_MAX:
            self.world.oracle.shared_ids.add(self.client(who).agent_id)
            self.world.clients.append(self.client(who).duplicate())

    @rule(who=WHO, entity=ENTITY, is_informed=st.booleans())
    def two_under_one_name_write(self, who: int, entity: Entity, is_informed: bool) -> None:
        if len(self.world.clients) < CLIENTS_MAX:
            self.write_until_it_is_through(who + 1, entity, "edit")
            self.clone(who)
            twin = len(self.world.clients) - 1
            if is_informed:
                self.drain(twin, EVERYTHING, PAGE_MAX)
            for one in (who, twin):
                self.edit_offline(one, entity)
                self.push(one, entity, "answered")

    @rule(who=WHO)
    def back_up(self, who: int) -> None:
        self.backups[self.place(who)] = self.client(who).duplicate()

    @rule(who=WHO)
    def restore(self, who: int) -> None:
        backup = self.backups.get(self.place(who))
        if backup is not None:
            self.world.oracle.shared_ids.add(backup.agent_id)
            self.world.clients[self.place(who)] = backup.duplicate()

    @rule(who=WHO, entity=ENTITY)
    def edit_offline(self, who: int, entity: Entity) -> None:
        self.client(who).copy(entity).draft = "edit"

    @rule(who=WHO, entity=ENTITY)
    def delete_offline(self, who: int, entity: Entity) -> None:
        if entity in self.client(who).shows():
            self.client(who).copy(entity).draft = "delete"

    @rule(who=WHO, entity=ENTITY, fate=st.sampled_from(["answered", "answer lost", "lost"]))
    def push(self, who: int, entity: Entity, fate: str) -> None:
        client = self.client(who)
        write = client.next_write(entity)
        if write is not None and fate != "lost":
            answer = self.world.send(client.agent_id, write)
            if fate == "answered":
                client.settle(write, answer)

    @rule(who=WHO, entity=ENTITY, draft=st.sampled_from(["edit", "delete"]))
    def write_until_it_is_through(self, who: int, entity: Entity, draft: str) -> None:
        self.client(who).copy(entity).draft = draft
        self.world.finish(self.client(who), entity)

    @rule(who=WHO, atomic=st.booleans(), is_answered=st.booleans())
    def push_a_batch(self, who: int, atomic: bool, is_answered: bool) -> None:
        client = self.client(who)
        writes = [write for entity in ENTITIES if (write := client.next_write(entity))]
        answers = self.world.send_all(client.agent_id, writes, atomic=atomic) if writes else None
        if is_answered and answers is not None:
            for write, answer in zip(writes, answers, strict=True):
                client.settle(write, answer)

    @rule(racers=st.lists(WHO, min_size=2, max_size=4, unique=True), entity=ENTITY)
    def race(self, racers: list[int], entity: Entity) -> None:
        running = [self.client(who) for who in {self.place(who) for who in racers}]
        writes = []
        for client in running:
            client.copy(entity).draft = "edit"
            write = client.next_write(entity)
            assert write is not None
            writes.append(write)
        pushes = [(client.agent_id, write) for client, write in zip(running, writes, strict=True)]
        for client, write, answer in zip(running, writes, self.world.race(pushes), strict=True):
            client.settle(write, answer)

    @rule(which=st.integers(0, 20))
    def an_old_request_arrives_again(self, which: int) -> None:
        writes = self.world.under_way()
        if writes:
            write = writes[-1 - which % len(writes)]
            self.world.send(write.agent_id, write)

    @rule(who=WHO, entity=ENTITY, ahead=st.integers(1, 3))
    def count_what_nobody_has_pushed(self, who: int, entity: Entity, ahead: int) -> None:
        client, stranger = self.client(who), self.client(who + 1).agent_id
        counter = self.world.oracle.counters.get(stranger, 0) + ahead
        if stranger != client.agent_id:
            own = client.copy(entity).clock.get(client.agent_id, 0) + 1
            clock = {**client.copy(entity).clock, client.agent_id: own, stranger: counter}
            write = Write(-1, entity, client.agent_id, clock, frozenset(), deleted=False)
            assert self.world.send(client.agent_id, write).verdict != "accepted"

    @rule(who=WHO, query=FILTERS, limit=LIMITS)
    def pull_a_page(self, who: int, query: Filter, limit: int) -> None:
        self.world.page(self.client(who), query, limit)

    @rule(who=WHO, query=FILTERS, limit=LIMITS)
    def drain(self, who: int, query: Filter, limit: int) -> None:
        self.world.drain(self.client(who), query, limit)

    @rule(who=WHO, entity=ENTITY, days=st.sampled_from([1, 100, 200]), is_heard=st.booleans())
    def a_deletion_is_forgotten(self, who: int, entity: Entity, days: int, is_heard: bool) -> None:
        self.write_until_it_is_through(who, entity, "edit")
        self.drain(who + 1, EVERYTHING, PAGE_MAX)
        self.world.wait(1)
        self.write_until_it_is_through(who, entity, "delete")
        if is_heard:  # now and then a pull reports how far the one before it came
            for one in range(len(self.world.clients)):
                self.drain(one, EVERYTHING, PAGE_MAX)
            self.world.wait(1)
            for one in range(len(self.world.clients)):
                self.drain(one, EVERYTHING, PAGE_MAX)
        self.time_passes_and_the_sweep_runs(days)

    @rule(who=WHO, limit=LIMITS)
    def one_follows_what_another_writes(self, who: int, limit: int) -> None:
        self.drain(who, EVERYTHING, PAGE_MAX)
        for entity in ENTITIES:
            self.write_until_it_is_through(who + 1, entity, "edit")
        self.drain(who, EVERYTHING, limit)

    @rule(days=st.sampled_from([1, 100, 200]))
    def time_passes_and_the_sweep_runs(self, days: int) -> None:
        self.world.wait(days)
        self.world.sweep()

    def teardown(self) -> None:
        """Let all clients settle; they must end with the same versions and all accepted writes."""
        if sys.exc_info()[0] is not None:
            return
        clients = self.world.clients
        for _ in range(ROUNDS_MAX):
            for client in clients:
                self.world.drain(client, EVERYTHING, PAGE_MAX)
                for entity in ENTITIES:
                    self.world.finish(client, entity)
            current = self.world.oracle.current()
            if not any(client.has_changes(entity) for client in clients for entity in current):
                break
        present = {entity for entity, write in current.items() if not write.deleted}
        for client in clients:
            self.world.drain(client, EVERYTHING, PAGE_MAX)
            assert client.shows() == present, f"{client.agent_id} shows something else"
            for entity, write in current.items():
                assert client.copy(entity).causes == write.history, (
                    f"{client.agent_id} has not converged"
                )
