"""Settings: the only reader of the environment, complete and checked at start.

Called by every process. May import nothing of the engine.
"""
