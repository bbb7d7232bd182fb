"""Requests made from OpenAPI and Swagger descriptions: operations, parameters and bodies.

Called by the OpenAPI activity, and by AsyncAPI documents for references.
"""
