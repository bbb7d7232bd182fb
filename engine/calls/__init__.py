"""Calls of external services, always through the egress guard.

Only activities call them. They may import `egress`, `contracts`, `language` and `errors`.
"""
