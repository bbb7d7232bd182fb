"""Requests to external servers: the only way out; addresses are resolved once and checked.

Called by `calls` and by the notification sender. May import nothing of the engine.
"""
