"""Dramatiq processes that notify an account's other agents of changes.

Notices are sent to live streams, push services and webhooks.

The Procfile starts them (`dramatiq worker.fanout.sync`, `dramatiq worker.fanout.notifications`).
"""
