"""Devices and programs of an account."""
