"""What children have answered lately: a workflow task that is tried again asks for all of it again."""

from __future__ import annotations

import threading
from collections import OrderedDict

KEPT = 1_000
BYTES_MAX = 16 * 1024  # of a program, what it is asked on and its answer: nothing larger is kept

Question = tuple[str, str, bytes]  # whose, the program, and what it is asked on


class Answers:
    """The last answers, by question: programs give the same for the same. Threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Question, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, asked: Question) -> bytes | None:
        """Return the answer to a question, if it is known still."""
        with self._lock:
            answer = self._kept.get(asked)
            if answer is not None:
                self._kept.move_to_end(asked)
            return answer

    def put(self, asked: Question, answer: bytes) -> None:
        """Keep an answer, in the place of the one not asked for longest."""
        if len(asked[1]) + len(asked[2]) + len(answer) > BYTES_MAX:
            return
        with self._lock:
            self._kept[asked] = answer
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
