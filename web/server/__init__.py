"""Web process: uvicorn, the ASGI application, and a graceful shutdown.

Called by the Procfile (`python -m web.server`). May import every part of `web`.
"""
