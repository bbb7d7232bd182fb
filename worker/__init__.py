"""Worker processes: the Temporal worker, the relay, the Dramatiq fan-out, the codec server, the release.

Started by the Procfile. May import the engine.
"""
