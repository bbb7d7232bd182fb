"""The domain: what is true, whoever asks. It knows no HTTP and starts no process.

Called by `web` and `worker`, which it never imports. `setup.cfg` says which context may import
which.
"""
