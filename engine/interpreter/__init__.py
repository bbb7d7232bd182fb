"""The interpreter of definitions: documents, their constructs, and the runtime that walks them.

Called by activities and Temporal workflows alone. May import `language`, `expressions`,
`contracts`, `errors`.
"""
