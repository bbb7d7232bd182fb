"""Accounts with their agents, sessions, tokens, passwords, keys, exports and deletion.

Routes, the relay and every context that works for an account call it. It may import `store`,
`crypto` and what they import.
"""
