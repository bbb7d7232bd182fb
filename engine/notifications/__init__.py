"""Notification channels: Web Push and webhooks that tell an account's agents of changes.

Called by routes and by the `channels` process. May import `sync`, `accounts`, `egress` and `crypto`.
"""
