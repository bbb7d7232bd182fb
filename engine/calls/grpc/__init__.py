"""gRPC calls by a proto that a confined child process compiles.

Called by the gRPC activity.
"""
