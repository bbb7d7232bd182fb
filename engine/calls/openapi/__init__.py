"""Requests from OpenAPI and Swagger descriptions: operations, parameters and bodies.

The OpenAPI activity calls it. AsyncAPI documents use its references and variables.
"""
