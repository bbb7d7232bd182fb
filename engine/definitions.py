"""Workflows users wrote."""
