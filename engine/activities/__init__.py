"""Temporal activities: the table of contents of what a worker does outside a workflow.

Registered by `worker.temporal`. May import every context; only here do workflows meet the database.
"""
