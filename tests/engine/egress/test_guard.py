from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx2
import pytest

from engine.egress.guard import BODY_BYTES_MAX, Egress, EgressError, EgressRequest
from tests.support.egress.origin import Origin, get, listening, reply, to_origin, within

pytestmark = pytest.mark.unit


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with listening() as server:
        yield server


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://LOCALHOST.:{port}/", "http://127.1:{port}/",
        "http://2130706433:{port}/", "http://0x7f000001:{port}/", "http://0177.0.0.1:{port}/", "http://0:{port}/",
        "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/",
        "http://[::]:{port}/", "http://[64:ff9b::7f00:1]:{port}/", "http://127.0.0.1:{port}@8.8.8.8/",
        "http://user:pass@127.0.0.1:{port}/", "http://8.8.8.8#@127.0.0.1:{port}/",
        "http://8.8.8.8\\@127.0.0.1:{port}/",
        "http://localhost%00:{port}/", "http://①②⑦.0.0.1:{port}/", "http://127。0。0。1:{port}/",
        "http://127.0.0.1:{port} /", "http:\\\\127.0.0.1:{port}\\", "///127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
        "ftp://127.0.0.1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/", "unix:///var/run/x.sock",
        "http+unix://%2Fvar/", "data:text/plain,x", "javascript:1", "http://", "http:///", "", "http://[::1",
        "http://a:99999/",
        "http://a:port/", "http://a\r\nx:{port}/", "http://ip6-localhost:{port}/",
    ],
)  # fmt: skip
async def test_a_hostile_address_connects_to_nothing(origin: Origin, uri: str) -> None:
    guard = Egress(ports=(80, 443, origin.port), resolver=within)
    with pytest.raises(EgressError):
        await guard.send(get(uri.replace("{port}", str(origin.port))))
    assert origin.connects == 0


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0", "[::1]",
     "[::ffff:127.0.0.1]",
     "[64:ff9b::7f00:1]", "169.254.169.254", "[fd00:ec2::254]", "metadata.test"],
)  # fmt: skip
async def test_a_usual_port_does_not_open_a_private_address(host: str) -> None:
    async def resolver(name: str, port: int) -> Sequence[tuple[str, int]]:
        if name == "metadata.test":
            return [("8.8.8.8", port), ("169.254.169.254", port)]  # all answers must be public
        return await within(name, port)

    with pytest.raises(EgressError, match=r"public internet|no address|as HTTP"):
        await Egress(resolver=resolver).send(get(f"http://{host}/"))


async def test_a_name_is_resolved_once_so_it_cannot_be_rebound(origin: Origin) -> None:
    hosts: list[str] = []

    async def rebinding(host: str, _: int) -> Sequence[tuple[str, int]]:
        hosts.append(host)
        return [("127.0.0.1", origin.port if len(hosts) == 1 else 1)]

    await Egress(allow="rebind.test", resolver=rebinding).send(get("http://rebind.test/"))
    assert (hosts, origin.connects) == (["rebind.test"], 1)


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd",
     "http://c.test/", "//c.test/", "http://a.test:22/", "http://u:p@b.test/", "gopher://b.test/"],
)  # fmt: skip
async def test_a_redirect_is_checked_anew(origin: Origin, location: str) -> None:
    origin.answer = lambda _: reply(b"", "302 Found", location=location)
    guard = to_origin(origin, allow="a.test:80,b.test")
    with pytest.raises(EgressError):
        await guard.send(get("http://a.test/"))
    assert origin.connects == 1


async def test_a_redirect_to_another_origin_carries_no_credentials(origin: Origin) -> None:
    def redirect_once(head: str) -> bytes:
        return (
            reply(b"", "302 Found", location="http://b.test/")
            if "a.test" in head
            else reply(b"done")
        )

    origin.answer = redirect_once
    answer = await to_origin(origin).send(
        get("http://a.test/", auth=httpx2.BasicAuth("u", "canary"))
    )
    assert (answer.body, answer.uri) == (b"done", "http://b.test/")
    assert "host: b.test" in origin.requests[1].lower()
    assert "canary" not in origin.requests[1]
    assert "authorization" not in origin.requests[1].lower()


async def test_a_redirect_within_the_origin_keeps_the_credentials(origin: Origin) -> None:
    origin.answer = lambda head: (
        reply(b"", "307 T", location="/b") if "GET /a" in head else reply(b"done")
    )
    answer = await to_origin(origin).send(get("http://a.test/a"))
    assert answer.uri == "http://a.test/b"
    assert "Bearer canary" in origin.requests[1]


async def test_more_than_three_redirects_are_too_many(origin: Origin) -> None:
    origin.answer = lambda _: reply(b"", "302 Found", location="/again")
    with pytest.raises(EgressError, match="more than 3 redirects"):
        await to_origin(origin).send(get("http://a.test/"))
    assert origin.connects == 4


async def test_without_leave_a_redirect_is_the_answer(origin: Origin) -> None:
    origin.answer = lambda _: reply(b"", "302 Found", location="/again")
    assert (await to_origin(origin).send(get("http://a.test/", redirect=False))).status == 302


async def test_an_answer_that_is_too_large_is_cut_off(origin: Origin) -> None:
    origin.answer = lambda _: reply(b"x" * (BODY_BYTES_MAX + 1))
    with pytest.raises(EgressError, match="larger than"):
        await to_origin(origin).send(get("http://a.test/"))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx",
    ],
)
async def test_an_answer_that_is_no_http_is_an_error(origin: Origin, answer: bytes) -> None:
    origin.answer = lambda _: answer
    with pytest.raises(EgressError):
        await to_origin(origin).send(get("http://a.test/"))


async def test_a_server_that_is_silent_is_given_up(origin: Origin) -> None:
    origin.answer = lambda _: b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n"
    server = await asyncio.start_server(_silent, "127.0.0.1", 0)
    origin.port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(EgressError, match="in time"):
            await to_origin(origin).send(get("http://a.test/", seconds=0.3))


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_the_proxies_of_the_environment_are_not_used(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert (await to_origin(origin).send(get("http://a.test/"))).status == 200


async def test_errors_hold_nothing_of_headers_or_address(origin: Origin) -> None:
    origin.answer = lambda _: b"garbage\r\n\r\n"
    with pytest.raises(EgressError) as failed:
        await to_origin(origin).send(get("http://a.test/?key=canary"))
    assert "canary" not in str(failed.value)
    assert "canary" not in repr(failed.value.__cause__)


async def test_digest_credentials_answer_a_challenge(origin: Origin) -> None:
    challenge = 'Digest realm="r", qop="auth", nonce="n", algorithm=SHA-256'

    def redirect_once(head: str) -> bytes:
        if "Digest username" in head or "digest username" in head.lower():
            return reply(b"in")
        return reply(b"", "401 Unauthorized", www_authenticate=challenge)

    origin.answer = redirect_once
    outgoing = EgressRequest(
        "GET", "http://a.test/", {}, {}, auth=httpx2.DigestAuth("u", "p"), seconds=5
    )
    assert (await to_origin(origin).send(outgoing)).body == b"in"


async def test_a_caller_cannot_say_where_a_message_goes_or_ends(origin: Origin) -> None:
    headers = {
        "Host": "evil.test",
        "Content-Length": "999",
        "Transfer-Encoding": "chunked",
        "X-Own": "kept",
    }
    await to_origin(origin).send(
        EgressRequest("POST", "http://a.test/", headers, {}, body=b"x", seconds=5)
    )
    request = origin.requests[0].lower()
    assert "host: a.test" in request
    assert "content-length: 1\r" in request
    assert "x-own: kept" in request
    assert not {"evil", "chunked"} & set(request.replace(":", " ").split())


@pytest.mark.parametrize(
    "header", [{"x": "a\r\nx-injected: 1"}, {"x\r\ny": "1"}, {"x": "\ud800"}, {"": "1"}]
)
async def test_a_header_that_would_break_the_message_is_refused(
    origin: Origin, header: dict[str, str]
) -> None:
    with pytest.raises(EgressError):
        await to_origin(origin).send(EgressRequest("GET", "http://a.test/", header, {}, seconds=5))
    assert origin.requests == []


@pytest.mark.parametrize("method", ["GE T", "CONNECT\r\nX: y", "", "GET /other HTTP/1.1\r\n"])
async def test_a_method_that_would_break_the_message_is_refused(
    origin: Origin, method: str
) -> None:
    with pytest.raises(EgressError):
        await to_origin(origin).send(EgressRequest(method, "http://a.test/", {}, {}, seconds=5))
    assert origin.requests == []
