"""Relay process: it delivers outbox messages to Temporal and Dramatiq, and cleans up.

Started by the Procfile (`python -m worker.relay`).
"""
