"""Values that web, relay, worker and interpreter exchange: frozen dataclasses and names.

Called by all of them. May import `language` and `errors`; holds nothing that runs.
"""
