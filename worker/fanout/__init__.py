"""Dramatiq processes: they tell an account's other agents of changes, by stream, Web Push or webhook.

Started by the Procfile (`dramatiq worker.fanout.sync`, `dramatiq worker.fanout.notifications`).
"""
