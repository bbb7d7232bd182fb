"""Settings: read from the environment and checked completely when a process starts.

Every process calls it. It may import nothing of the engine.
"""
