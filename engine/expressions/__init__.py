"""jq programs of definitions: compiled and run in sandbox processes, or by a fast path.

Called by the interpreter and by the language's reader. May import `errors`.
"""
