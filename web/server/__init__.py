"""Web process: uvicorn, the ASGI application, and a shutdown that loses no request.

Called by the Procfile (`python -m web.server`). May import every part of `web`.
"""
