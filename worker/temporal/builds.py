"""Versions of the Temporal worker: which build this one is, and the build that new executions begin on.

`python -m worker.temporal.builds` tells which builds there are and which of them may be stopped;
`python -m worker.temporal.builds BUILD` has new executions begin on that one, as after a release that was no good.
"""

from __future__ import annotations

import asyncio
import sys

import structlog
from temporalio.api.deployment.v1 import WorkerDeploymentInfo
from temporalio.api.enums.v1 import VersionDrainageStatus
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    DescribeWorkerDeploymentResponse,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import WorkerDeploymentConfig

from engine.config.settings import Settings
from engine.temporal.connection import connect

AGAIN_SECONDS = 1.0


def config(settings: Settings) -> WorkerDeploymentConfig | None:
    """Return which version this worker is of; nothing where the settings name no build.

    An execution stays with the build it began on until it ends or goes on in a new run.
    """
    if not settings.worker_build_id:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.worker_deployment, settings.worker_build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def promote(client: Client, settings: Settings) -> None:
    """Have new executions begin on this build once the server knows it, unless a later one is there.

    A worker of an older build that is started again, as hosts do, must not undo a release. Of several that
    start at once one makes the change, and the others find it made.
    """
    build = settings.worker_build_id
    while build:
        try:
            if await _promoted(client, settings):
                return
        except RPCError as fault:
            structlog.get_logger().info("not_promoted", build=build, error=fault.status.name)
        await asyncio.sleep(AGAIN_SECONDS)


async def make_current(
    client: Client, settings: Settings, build: str, *, token: bytes = b""
) -> None:
    """Have new executions begin on a build; on workers without one when it is empty.

    :raises RPCError: when there is no such build, or something else was made current since the token.
    """
    await client.workflow_service.set_worker_deployment_current_version(
        SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace,
            deployment_name=settings.worker_deployment,
            build_id=build,
            conflict_token=token,
            identity=client.identity,
        )
    )


async def describe(client: Client, settings: Settings) -> DescribeWorkerDeploymentResponse:
    """Return what the server knows of the deployment.

    :raises RPCError: when that is nothing yet.
    """
    return await client.workflow_service.describe_worker_deployment(
        DescribeWorkerDeploymentRequest(
            namespace=client.namespace, deployment_name=settings.worker_deployment
        )
    )


async def _promoted(client: Client, settings: Settings) -> bool:
    """Tell whether nothing is left to do: this build is current now, or a later one is."""
    told = await describe(client, settings)
    info, build = told.worker_deployment_info, settings.worker_build_id
    known = {
        version.deployment_version.build_id: version.create_time.ToNanoseconds()
        for version in info.version_summaries
    }
    if build not in known:
        return False
    current = info.routing_config.current_deployment_version.build_id
    if current == build or known.get(current, 0) > known[build]:
        structlog.get_logger().info("promotion_not_needed", build=build, current=current)
        return True
    await make_current(client, settings, build, token=told.conflict_token)
    structlog.get_logger().info("promoted", build=build, before=current or "none")
    return True


def told(info: WorkerDeploymentInfo) -> list[str]:
    """Return a line for each build: the current one, those that still have executions, those without."""
    current = info.routing_config.current_deployment_version.build_id
    drained = VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINED
    draining = VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINING
    says = {drained: "drained: may be stopped", draining: "draining: has executions"}
    return [
        f"{version.deployment_version.build_id}  "
        + ("current" if version.deployment_version.build_id == current else "")
        + says.get(version.drainage_status, "")
        for version in sorted(
            info.version_summaries, key=lambda one: one.create_time.ToNanoseconds()
        )
    ]


async def main(builds: list[str]) -> int:
    """Make a build current when one is named; tell of all; return the exit status."""
    settings = Settings.from_env()
    client = await connect(settings, keyed=False)
    try:
        for build in builds:
            await make_current(client, settings, build)
        print("\n".join(told((await describe(client, settings)).worker_deployment_info)))  # noqa: T201
    except RPCError as fault:
        print(f"{settings.worker_deployment}: {fault.message}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
