"""Accounts with their agents, sessions, tokens, passwords, keys, exports and deletion.

Called by routes, by every context that works for an account, and by the relay. May import `store` and `crypto`.
"""
