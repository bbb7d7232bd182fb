"""Reading of OpenAPI and AsyncAPI documents; a confined child process reads large ones.

The OpenAPI and AsyncAPI activities call it.
"""
