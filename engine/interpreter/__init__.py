"""Interpreter of definitions: documents, their constructs, and the runtime that runs their tasks.

Called by activities and Temporal workflows alone. May import `language`, `expressions`,
`contracts`, `errors`.
"""
