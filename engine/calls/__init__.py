"""Calls of other people's services, always through the egress guard.

Called by activities alone. May import `egress`, `contracts`, `language` and `errors`.
"""
