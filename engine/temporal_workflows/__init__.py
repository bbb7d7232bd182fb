"""Temporal workflow classes: execution, schedule, firing and preview, and their environment.

Registered by `worker.temporal`. May import `interpreter` and `contracts`.
"""
