"""Sync of encrypted states between an account's agents: push, pull, clocks, conflicts, history.

Called by the sync routes, live streams, channels, the fan-out process and the relay's cleanup.
May import `store`.
"""
