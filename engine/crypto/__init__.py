"""Encryption: JWE envelopes, public keys, keys at rest, and the codec of Temporal payloads.

Called by every context that seals or opens a value. May import `errors`.
"""
