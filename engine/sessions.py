"""Refresh-token families."""
