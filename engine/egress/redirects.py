"""Redirects: their target and the headers that may follow (RFC 9110 section 15.4)."""

from __future__ import annotations

import httpx2

_REDIRECTS = {301, 302, 303, 307, 308}
_KEEPS_METHOD = {307, 308}
# Headers of routing and framing, which the transport sets: a caller's could contradict them.
TRANSPORT_HEADERS = {
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
_CROSS_ORIGIN_HEADERS = {"accept", "accept-language", "content-type", "user-agent"}


def is_redirect(response: httpx2.Response) -> bool:
    """Return whether a response is a redirect."""
    return response.status_code in _REDIRECTS and "location" in response.headers


def build_redirect(request: httpx2.Request, response: httpx2.Response) -> httpx2.Request:
    """Return the request to a redirect's target (RFC 9110 section 15.4).

    Across origins it has no body, and only headers that identify nobody.
    """
    url = request.url.join(response.headers["location"])
    keeps_method = response.status_code in _KEEPS_METHOD or request.method in ("GET", "HEAD")
    leaves_origin = origin(url) != origin(request.url)
    removed_names = TRANSPORT_HEADERS | (set() if keeps_method else {"content-type"})
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in removed_names and (not leaves_origin or name in _CROSS_ORIGIN_HEADERS)
    }
    content = request.content if keeps_method and not leaves_origin and request.content else None
    return httpx2.Request(
        request.method if keeps_method else "GET", url, headers=headers, content=content
    )


def origin(url: httpx2.URL) -> tuple[str, str, int]:
    """Return the origin of a URL (RFC 6454)."""
    return url.scheme, url.host, port_of(url)


def port_of(url: httpx2.URL) -> int:
    """Return the port of a URL, or the default port of its scheme."""
    if url.port is not None:  # a URL can state port 0, which no server has
        return url.port
    return 443 if url.scheme == "https" else 80
