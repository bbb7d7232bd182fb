"""Realtime: server-sent events and long polls, which wait on the event loop instead of a thread.

Called by `web.server.asgi`. May import `web.http`, `web.routes` and the engine.
"""
