"""The workflow language as values: text to model, errors, durations, events, limits, support table.

Called by the interpreter, and by routes and schemas for published facts. It knows no execution.
"""
