"""nginx in front of several web processes, as hosts run a load balancer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bin.devtools.stack.server import accepts, free_port, start

# nginx's default: it sends a request that a server may have processed to no other server.
CONFIGURATION = """
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log info;
events {{ worker_connections 512; }}
http {{
  access_log {home}/access.log;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  upstream webs {{
    {servers}
    {keepalive}
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://webs;
      {connections}
      proxy_connect_timeout 5s;
      proxy_next_upstream error timeout;
      proxy_buffering off;
    }}
  }}
}}
"""
KEEP_ALIVE = {
    "keepalive": "keepalive 16;",
    "connections": 'proxy_http_version 1.1; proxy_set_header Connection "";',
}
NEW = {"keepalive": "", "connections": "proxy_http_version 1.0;"}  # a connection for each request
CONNECTION_ERRORS = ("prematurely closed", "reset by peer", "no live upstreams")


@dataclass(frozen=True, slots=True)
class Balancer:
    """A running nginx."""

    url: str
    errors: Path

    def connection_errors(self) -> list[str]:
        """Return the log lines of requests whose connection broke."""
        return [
            line
            for line in self.errors.read_text().splitlines()
            if any(word in line for word in CONNECTION_ERRORS)
        ]


@contextmanager
def balancing(home: Path, ports: Sequence[int], *, keep_alive: bool) -> Iterator[Balancer]:
    """Run nginx in front of web processes, with keep-alive connections or with new ones."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if binary is None and not os.environ.get("NGINX_NEEDED"):
        pytest.skip(reason="no nginx is installed here; bin/ci installs and demands it")
    assert binary is not None, "nginx is demanded and not installed"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    home.chmod(0o755)
    port = free_port()
    servers = "\n    ".join(f"server 127.0.0.1:{number} max_fails=0;" for number in ports)
    file = home / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    file.write_text(
        user
        + CONFIGURATION.format(
            home=home, port=port, servers=servers, **(KEEP_ALIVE if keep_alive else NEW)
        )
    )
    command = [binary, "-e", str(home / "error.log"), "-c", str(file)]
    server = start("nginx", command, log=home / "nginx.log", ready=lambda: accepts(port))
    try:
        yield Balancer(f"http://127.0.0.1:{port}", home / "error.log")
    finally:
        server.stop()
