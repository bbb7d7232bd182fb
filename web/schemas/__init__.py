"""Marshmallow schemas of bodies, queries and answers: one file per resource, like the routes.

Called by routes. May import the engine's limits and enumerations.
"""
