"""Web process: uvicorn, bounds of its connections, the ASGI application, a graceful shutdown.

Called by the Procfile (`python -m web.server`). May import every part of `web`.
"""
