"""Schedules: recurrence, firings, and the Temporal schedules that follow them.

Called by routes, relay and activities.
"""
