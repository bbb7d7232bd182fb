"""The only way out to other people's servers: addresses resolved once, checked and pinned.

Called by `calls` and by the notification sender. May import nothing of the engine.
"""
