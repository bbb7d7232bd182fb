"""Temporal worker process: the one that holds the engine's private keys and runs definitions.

Started by the Procfile (`python -m worker.temporal`).
"""
