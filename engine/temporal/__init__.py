"""Temporal's client side: connection, commands, search attributes, payload offload and owners.

Called by web, relay and worker. May import `contracts`, `crypto`, `accounts` and `store`.
"""
