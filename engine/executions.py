"""Runs of definitions."""
