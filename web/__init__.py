"""HTTP tier: a Flask application under ASGI that authenticates, calls one use case and answers.

Started by `python -m web.server`. May import the engine's contexts, but nothing that runs a
definition.
"""
