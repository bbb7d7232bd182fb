"""Constructs of the language: a file for each says how it is read and what it does.

Called by `documents` to read a definition and by the runtime to run it.
"""
