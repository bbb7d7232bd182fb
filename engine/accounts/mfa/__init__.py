"""Second factors: passkeys, one-time passwords, recovery codes, and their verification.

The routes of authentication call it. It may import the rest of `accounts`.
"""
