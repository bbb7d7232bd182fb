"""Requests that wait: server-sent events and long polls, on the event loop instead of a thread.

Called by `web.server.asgi`. May import `web.http` and the engine.
"""
