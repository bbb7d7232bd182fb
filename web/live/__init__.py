"""Live streams: server-sent events beside Flask, on the event loop, without a thread each."""
