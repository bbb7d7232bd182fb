"""Encryption: JWEs, public keys, keyrings, and the codec of Temporal payloads.

Every context that encrypts or decrypts a value calls it. It may import `errors` alone.
"""
