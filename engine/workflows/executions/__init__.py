"""Executions: started, paused, stopped, completed, retained.

Called by routes, relay and activities.
"""
