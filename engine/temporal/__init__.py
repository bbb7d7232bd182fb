"""Temporal's client side: connection, data converter, payload offload.

Called by web, relay and worker. May import `contracts`, `crypto`, `accounts` and `store`.
"""
