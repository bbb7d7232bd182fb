"""Registration of search attributes in Temporal: `python -m worker.temporal.search_attributes`.

A release runs it. Where they are registered, it does nothing. Where this client may not register
them, as on Temporal Cloud, it says so and the release stops before it starts what could not run.
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
REFUSALS = {
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNIMPLEMENTED,
    RPCStatusCode.UNAUTHENTICATED,
}
WAIT_SECONDS_MAX = 60.0  # until new attributes can be queried: servers cache the list
LOOK_SECONDS = 0.2


class RegistrationRefusedError(Exception):
    """The attributes have to be registered by hand; the message says where and how."""


async def register(client: Client) -> list[str]:
    """Register missing attributes, return them, and wait until all of them can be used.

    :raises RefusedError: when some are missing and this client may not register them.
    :raises TimeoutError: when the server takes too long over it.
    """
    missing = pending = await _list_missing(client)
    if missing:
        await _add(client, missing)
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while pending:
            await asyncio.sleep(LOOK_SECONDS)
            pending = await _list_missing(client)
    return missing


async def _list_missing(client: Client) -> list[str]:
    """Return the attributes by which workflows cannot be counted; every client may count."""
    missing = []
    for name in NAMES:
        try:
            await client.count_workflows(f"{name} = '-'")
        except RPCError as error:
            if error.status != RPCStatusCode.INVALID_ARGUMENT:
                raise
            missing.append(name)
    return missing


async def _add(client: Client, names: list[str]) -> None:
    types = dict.fromkeys(names, KEYWORD)
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=types)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status == RPCStatusCode.ALREADY_EXISTS:  # by a simultaneous release
            return
        if error.status not in REFUSALS:
            raise
        attributes = ", ".join(f"{name} (Keyword)" for name in names)
        where = f"the namespace {client.namespace}, in its settings or with the host's own tool"
        raise RegistrationRefusedError(
            f"Register the search attributes {attributes} for {where}: this may not."
        ) from None


async def main() -> int:
    """Register the attributes and print the new ones; return the exit status."""
    try:
        client = await connect(Settings.from_env(), keyed=False)
        names = await register(client)
    except (RegistrationRefusedError, RPCError, RuntimeError, TimeoutError) as fault:
        print(f"search attributes: {fault}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"search attributes: {', '.join(names) or 'none'} registered anew")  # noqa: T201
    return 0


if __name__ == "__main__":
    status = asyncio.run(main())
    # The SDK's native threads would crash in a finalizing interpreter, and fail the release.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
