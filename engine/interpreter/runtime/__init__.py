"""Runtime of one execution: position, data flow, budget, events, timeline.

Called by the Temporal workflows, and by constructs while they run.
"""
