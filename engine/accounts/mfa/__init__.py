"""Second factors: passkeys, one-time passwords, recovery codes, and their verification.

Called by the routes of authentication. May import the rest of `accounts`.
"""
