"""Routes: one file per resource; the file that answers a URL is named like the resource.

Registered by `web.app`. A route guards, reads the body, calls a use case of the engine, commits,
and answers.
"""
