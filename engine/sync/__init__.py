"""Sync of encrypted states between an account's agents: push, pull, clocks, conflicts, history.

Called by the routes of sync, by the fan-out and by the cleanup. May import `store`.
"""
