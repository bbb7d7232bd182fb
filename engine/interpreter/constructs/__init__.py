"""Constructs of the language: one module for each, with its reader and its behaviour.

`documents` calls the readers when it reads a definition. The runtime runs the constructs.
"""
