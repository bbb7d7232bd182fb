"""Registers what executions are found by in Temporal: `python -m worker.temporal.search_attributes`, of a release.

Where they are registered already, nothing is done; where this client may not register them, as on Temporal
Cloud, it says so, and the release stops before anything is started that could not run.
"""

from __future__ import annotations

import asyncio
import os
import sys

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from engine.config.settings import Settings
from engine.temporal.connection import connect
from engine.temporal.search_attributes import ACCOUNT, DEFINITION

NAMES = (ACCOUNT.name, DEFINITION.name)
KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
REFUSED = {
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNIMPLEMENTED,
    RPCStatusCode.UNAUTHENTICATED,
}
WAIT_SECONDS_MAX = 60.0  # until what was registered can be asked for: servers remember for a while
LOOK_SECONDS = 0.2


class RefusedError(Exception):
    """They have to be registered by hand; the message says where and as what."""


async def register(client: Client) -> list[str]:
    """Register those that are missing, return them, and wait until all of them can be used.

    :raises RefusedError: when some are missing and the server lets this client register none.
    :raises TimeoutError: when the server takes too long over it.
    """
    missing = awaited = await _unknown(client)
    if missing:
        await _add(client, missing)
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while awaited:
            await asyncio.sleep(LOOK_SECONDS)
            awaited = await _unknown(client)
    return missing


async def _unknown(client: Client) -> list[str]:
    """Return those that workflows cannot be counted by: that may ask whoever may start them."""
    unknown = []
    for name in NAMES:
        try:
            await client.count_workflows(f"{name} = '-'")
        except RPCError as fault:
            if fault.status != RPCStatusCode.INVALID_ARGUMENT:
                raise
            unknown.append(name)
    return unknown


async def _add(client: Client, names: list[str]) -> None:
    wanted = dict.fromkeys(names, KEYWORD)
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=wanted)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as fault:
        if fault.status == RPCStatusCode.ALREADY_EXISTS:  # by a release beside this one
            return
        if fault.status not in REFUSED:
            raise
        listed = ", ".join(f"{name} (Keyword)" for name in names)
        where = f"the namespace {client.namespace}, in its settings or with the host's own tool"
        raise RefusedError(
            f"Register the search attributes {listed} for {where}: this may not."
        ) from None


async def main() -> int:
    """Register them and say which were new; return the exit status."""
    try:
        client = await connect(Settings.from_env(), keyed=False)
        added = await register(client)
    except (RefusedError, RPCError, RuntimeError, TimeoutError) as fault:
        print(f"search attributes: {fault}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"search attributes: {', '.join(added) or 'none'} registered anew")  # noqa: T201
    return 0


if __name__ == "__main__":
    status = asyncio.run(main())
    # As in worker.temporal: the SDK's native threads crash in a dying interpreter, and the release with them.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
