"""Order in which parallel test workers take the test files."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

BUSY_WORKER = "gw0"


class BothEndsScheduling(LoadFileScheduling):  # type: ignore[misc] # xdist is untyped
    """Scheduling that keeps the processors busy while other tests wait.

    The files are sorted by what they need: journeys first, which mostly wait; unit tests last,
    which mostly compute. One worker takes files from the end, the others from the beginning.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node.gateway.id == BUSY_WORKER:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)
