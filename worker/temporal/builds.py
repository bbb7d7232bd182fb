"""Builds of the Temporal worker: this one's, and the one on which new executions begin.

`python -m worker.temporal.builds` lists the builds and says which of them may be stopped.
`python -m worker.temporal.builds BUILD` has new executions begin on that one.
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

RETRY_SECONDS = 1.0


def config(settings: Settings) -> WorkerDeploymentConfig | None:
    """Return the version of this worker; None where the settings name no build.

    An execution stays with the build it began on until it ends or continues in a new run.
    """
    if not settings.worker_build_id:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.worker_deployment, settings.worker_build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def promote(client: Client, settings: Settings) -> None:
    """Have new executions begin on this build once the server knows it, unless a later one exists.

    A restarted worker of an older build must not undo a release. Of several that start at once one
    makes the change.
    """
    build = settings.worker_build_id
    while build:
        try:
            if await _promote_once(client, settings):
                return
        except RPCError as error:
            structlog.get_logger().info("not_promoted", build=build, error=error.status.name)
        await asyncio.sleep(RETRY_SECONDS)


async def make_current(
    client: Client, settings: Settings, build: str, *, token: bytes = b""
) -> None:
    """Have new executions begin on a build; on workers without one when it is empty.

    :raises RPCError: when there is no such build, or the current one has changed since `token`.
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

    :raises RPCError: when it does not know the deployment yet.
    """
    return await client.workflow_service.describe_worker_deployment(
        DescribeWorkerDeploymentRequest(
            namespace=client.namespace, deployment_name=settings.worker_deployment
        )
    )


async def _promote_once(client: Client, settings: Settings) -> bool:
    """Make this build current unless a later one is; tell whether one of the two is current now."""
    deployment = await describe(client, settings)
    info, build = deployment.worker_deployment_info, settings.worker_build_id
    created_at = {
        version.deployment_version.build_id: version.create_time.ToNanoseconds()
        for version in info.version_summaries
    }
    if build not in created_at:
        return False
    current = info.routing_config.current_deployment_version.build_id
    if current == build or created_at.get(current, 0) > created_at[build]:
        structlog.get_logger().info("promotion_not_needed", build=build, current=current)
        return True
    await make_current(client, settings, build, token=deployment.conflict_token)
    structlog.get_logger().info("promoted", build=build, before=current or "none")
    return True


def status_lines(info: WorkerDeploymentInfo) -> list[str]:
    """Return a line for each build: whether it is current, has executions, or may be stopped."""
    current = info.routing_config.current_deployment_version.build_id
    drained = VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINED
    draining = VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINING
    statuses = {drained: "drained: may be stopped", draining: "draining: has executions"}
    return [
        f"{version.deployment_version.build_id}  "
        + ("current" if version.deployment_version.build_id == current else "")
        + statuses.get(version.drainage_status, "")
        for version in sorted(
            info.version_summaries, key=lambda summary: summary.create_time.ToNanoseconds()
        )
    ]


async def main(builds: list[str]) -> int:
    """Make the named build current, if any; print all builds; return the exit status."""
    settings = Settings.from_env()
    client = await connect(settings, keyed=False)
    try:
        for build in builds:
            await make_current(client, settings, build)
        info = (await describe(client, settings)).worker_deployment_info
        print("\n".join(status_lines(info)))  # noqa: T201
    except RPCError as error:
        print(f"{settings.worker_deployment}: {error.message}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
