"""gRPC calls by a proto that a confined child process compiles.

The gRPC activity calls it.
"""
