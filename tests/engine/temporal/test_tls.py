"""Servers with TLS as hosts run them: self-signed Redis, Temporal with client certificates."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis.asyncio import Redis

from bin.devtools.stack.servers import Stack
from engine.config.settings import Settings
from engine.temporal.connection import connect

pytestmark = pytest.mark.stack


class Pair:
    """A key, and a certificate that it signed for itself."""

    def __init__(self, folder: Path, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        addresses = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]
        made = (
            x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.certificate = made.public_bytes(serialization.Encoding.PEM).decode()
        encoding, shape = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        self.key = key.private_bytes(encoding, shape, serialization.NoEncryption()).decode()
        self.file = folder / f"{name}.pem"
        self.file.write_text(self.key + self.certificate)


@asynccontextmanager
async def secured(port: int, server: Pair, client: Pair | None = None) -> AsyncIterator[int]:
    """Serve a port with TLS on another port; with a client certificate, only to its owner."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server.file)
    context.set_alpn_protocols(["h2"])
    if client is not None:
        context.load_verify_locations(client.file)
        context.verify_mode = ssl.CERT_REQUIRED

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while part := await reader.read(65_536):
                writer.write(part)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


@pytest.fixture
def server(tmp_path: Path) -> Pair:
    return Pair(tmp_path, "server.example.org")


@pytest.fixture
def ours(tmp_path: Path) -> Pair:
    return Pair(tmp_path, "ours.example.org")


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2].partition("/")[0])


async def test_redis_is_reached_by_rediss_with_a_certificate_that_the_host_signed_itself(
    stack: Stack, server: Pair
) -> None:
    async with secured(port_of(stack.redis_url), server) as port:
        url = f"rediss://127.0.0.1:{port}/0?ssl_cert_reqs=none"
        async with Redis.from_url(Settings.from_env({"REDIS_URL": url}).redis_url) as redis:
            assert await redis.ping()


async def test_temporal_is_reached_with_certificates_on_both_sides(
    stack: Stack, server: Pair, ours: Pair
) -> None:
    async with secured(port_of(stack.temporal_address), server, ours) as port:
        environ = {
            "TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
            "TEMPORAL_TLS_SERVER_NAME": "server.example.org",
            "TEMPORAL_TLS_SERVER_CA_CERT_DATA": server.certificate.replace("\n", "\\n"),
            "TEMPORAL_TLS_CLIENT_CERT_DATA": ours.certificate,
            "TEMPORAL_TLS_CLIENT_KEY_DATA": ours.key,
        }
        client = await connect(Settings.from_env(environ), keyed=False)
        assert await client.service_client.check_health()
        without = {name: text for name, text in environ.items() if "CLIENT" not in name}
        with pytest.raises(RuntimeError):
            await connect(Settings.from_env(without), keyed=False)


async def test_temporal_is_reached_with_an_api_key_over_tls(stack: Stack, server: Pair) -> None:
    async with secured(port_of(stack.temporal_address), server) as port:
        environ = {
            "TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
            "TEMPORAL_API_KEY": "a key",
            "TEMPORAL_TLS_SERVER_CA_CERT_DATA": server.certificate,
        }
        client = await connect(Settings.from_env(environ), keyed=False)
        assert await client.service_client.check_health()
