"""Sandbox processes that run users' programs within limits of time and memory.

Called by `expressions` and `language`. The files named `*_worker` run inside such a process.
"""
