"""Worker processes: Temporal worker, relay, Dramatiq fan-out, codec server and release step.

Started by the Procfile. May import the engine.
"""
