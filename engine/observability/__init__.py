"""Observability: logs, metrics and traces of every process.

Called by every process and context. May import `config`.
"""
