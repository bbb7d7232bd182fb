"""Notification channels: Web Push and webhooks that notify an account's agents of changes.

Routes, the relay and the `channels` process call it. It may import `sync`, `accounts`, `egress`,
`crypto` and what they import.
"""
