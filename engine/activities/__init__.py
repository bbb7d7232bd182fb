"""Temporal activities: everything that a worker does outside a workflow.

`worker.temporal` registers them. They may import every context; workflows reach the database only
through them.
"""
