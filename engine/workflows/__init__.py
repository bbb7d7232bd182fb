"""What users run: definitions (the API's workflows) with versions and secrets, and all below.

Called by routes, relay and activities. May import `accounts`, `store`, `crypto` and `temporal`, but
no interpreter.
"""
