"""Tables, one module for each context, and the outbox of messages that leave a transaction.

Called by every context that owns rows. May import `contracts`, `observability` and
`config`.
"""
