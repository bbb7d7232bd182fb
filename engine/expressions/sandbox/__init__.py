"""Confined child processes that run strangers' programs within bounds of time and memory.

Called by `expressions` and `language`. The files named `*_worker` run inside a child.
"""
