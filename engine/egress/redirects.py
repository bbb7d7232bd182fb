"""Where a redirect leads and what may go along (RFC 9110 section 15.4)."""

from __future__ import annotations

import httpx2

_MOVED = {301, 302, 303, 307, 308}
_KEEPS_METHOD = {307, 308}
# What says where a message goes and where it ends is ours: a caller's could contradict it.
OURS = {
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_KEPT_ACROSS_ORIGINS = {"accept", "accept-language", "content-type", "user-agent"}


def moves(response: httpx2.Response) -> bool:
    """Tell whether a response says that the resource is elsewhere."""
    return response.status_code in _MOVED and "location" in response.headers


def moved(request: httpx2.Request, response: httpx2.Response) -> httpx2.Request:
    """Return the request a redirect asks for (RFC 9110 section 15.4), stripped when it leaves the origin."""
    url = request.url.join(response.headers["location"])
    keeps = response.status_code in _KEEPS_METHOD or request.method in ("GET", "HEAD")
    away = origin(url) != origin(request.url)
    dropped = OURS | (set() if keeps else {"content-type"})
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in dropped and (not away or name in _KEPT_ACROSS_ORIGINS)
    }
    content = request.content if keeps and not away and request.content else None
    return httpx2.Request(request.method if keeps else "GET", url, headers=headers, content=content)


def origin(url: httpx2.URL) -> tuple[str, str, int]:
    """Return what two addresses of one origin have in common (RFC 6454)."""
    return url.scheme, url.host, port(url)


def port(url: httpx2.URL) -> int:
    """Return the port, also when the address leaves it out."""
    if url.port is not None:  # zero is written out, and no server's
        return url.port
    return 443 if url.scheme == "https" else 80
