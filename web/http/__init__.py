"""What every route shares of HTTP: authentication, rate limits, idempotency, entity tags, problems.

Called by routes and by `web.app`. May import the engine and no route.
"""
