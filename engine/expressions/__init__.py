"""jq programs of definitions: compiled, run in confined children, or by a fast path.

Called by the interpreter and by the language's reader. May import `errors`.
"""
