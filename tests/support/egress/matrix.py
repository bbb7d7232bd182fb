"""Addresses that lead inside the network, and addresses that the guard must allow.

`{port}` is a port of a server on the loopback. The guard allows it, so that only the address
decides. `ZONE` resolves names; the system's parser resolves numbers.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from itertools import cycle

PUBLIC = "93.184.215.14"
PUBLIC_6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

# Each item of a list is one resolution: the name changes its addresses between them.
ZONE: dict[str, list[list[str]]] = {
    "public.test": [[PUBLIC]],
    "public6.test": [[PUBLIC_6]],
    "both.test": [[PUBLIC_6, PUBLIC]],
    "xn--mnchen-3ya.test": [[PUBLIC]],
    "127.0.0.1.public.test": [[PUBLIC]],
    "localhost.public.test": [[PUBLIC]],
    "10.test": [[PUBLIC]],
    "inside.test": [["127.0.0.1"]],
    "inside6.test": [["::1"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "rebinds.test": [["127.0.0.1"], [PUBLIC]],
    "mixed.test": [[PUBLIC, "127.0.0.1"]],
    "mixed-first.test": [["10.0.0.1", PUBLIC]],
    "metadata.test": [["169.254.169.254"]],
    "metadata.google.internal": [["169.254.169.254"]],
    "nowhere.test": [[]],
    "linklocal.test": [["fe80::1%lo"]],
    "nat64.test": [["64:ff9b::7f00:1"]],
    "localhost": [["127.0.0.1", "::1"]],
    "localhost.localdomain": [["127.0.0.1"]],
    "foo.localhost": [["127.0.0.1"]],
    "ip6-localhost": [["::1"]],
    "xn--inside-.test": [["127.0.0.1"]],
}

HOSTILE = {
    "loopback": "http://127.0.0.1:{port}/",
    "all of the loopback": "http://127.255.255.254:{port}/",
    "loopback over TLS": "https://127.0.0.1:{port}/",
    "this host": "http://0.0.0.0:{port}/",
    "short zero": "http://0:{port}/",
    "short form": "http://127.1:{port}/",
    "three parts": "http://127.0.1:{port}/",
    "decimal": "http://2130706433:{port}/",
    "decimal, overflown": "http://4294967297:{port}/",
    "hex": "http://0x7f000001:{port}/",
    "hex in parts": "http://0x7f.0x0.0x0.0x1:{port}/",
    "octal": "http://017700000001:{port}/",
    "octal in parts": "http://0177.0.0.01:{port}/",
    "mixed bases": "http://0x7f.1:{port}/",
    "private, class A": "http://10.0.0.1:{port}/",
    "private, class B": "http://172.31.255.1:{port}/",
    "private, class C": "http://192.168.0.1:{port}/",
    "carrier-grade NAT": "http://100.64.0.1:{port}/",
    "6to4 relays": "http://192.88.99.1:{port}/",
    "benchmarks": "http://198.18.0.1:{port}/",
    "multicast": "http://224.0.0.1:{port}/",
    "broadcast": "http://255.255.255.255:{port}/",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "metadata in decimal": "http://2852039166/",
    "metadata in hex": "http://0xa9fea9fe/",
    "metadata by name": "http://metadata.google.internal/computeMetadata/v1/",
    "metadata by another name": "http://metadata.test/",
    "metadata over IPv6": "http://[fd00:ec2::254]/",
    "metadata of another cloud": "http://100.100.100.200/",
    "metadata of a third cloud": "http://192.0.0.192/opc/v2/instance/",
    "a cloud's own server": "http://168.63.129.16/machine/?comp=goalstate",
    "IPv6 loopback": "http://[::1]:{port}/",
    "IPv6 loopback in full": "http://[0:0:0:0:0:0:0:1]:{port}/",
    "IPv6 unspecified": "http://[::]:{port}/",
    "IPv4-mapped": "http://[::ffff:127.0.0.1]:{port}/",
    "IPv4-mapped in hex": "http://[::ffff:7f00:1]:{port}/",
    "IPv4-mapped, public": "http://[::ffff:8.8.8.8]:{port}/",
    "IPv4-compatible": "http://[::127.0.0.1]:{port}/",
    "IPv4-translated": "http://[::ffff:0:127.0.0.1]:{port}/",
    "NAT64": "http://[64:ff9b::7f00:1]:{port}/",
    "NAT64, local use": "http://[64:ff9b:1::7f00:1]:{port}/",
    "6to4": "http://[2002:7f00:1::]:{port}/",
    "Teredo": "http://[2001:0:7f00:1::]:{port}/",
    "unique local": "http://[fc00::1]:{port}/",
    "site-local": "http://[fec0::1]:{port}/",
    "link-local": "http://[fe80::1]:{port}/",
    "link-local with a zone": "http://[fe80::1%25lo]:{port}/",
    "link-local with a bare zone": "http://[fe80::1%lo]:{port}/",
    "loopback with a zone": "http://[::1%25lo]:{port}/",
    "a name of the loopback": "http://inside.test:{port}/",
    "a name of the IPv6 loopback": "http://inside6.test:{port}/",
    "a name of a mapped address": "http://mapped.test:{port}/",
    "a name of a link-local address": "http://linklocal.test:{port}/",
    "a name through NAT64": "http://nat64.test:{port}/",
    "public and inside": "http://mixed.test:{port}/",
    "inside and public": "http://mixed-first.test:{port}/",
    "a name that is inside at first": "http://rebinds.test:{port}/",
    "no address": "http://nowhere.test:{port}/",
    "localhost": "http://localhost:{port}/",
    "LOCALHOST.": "http://LOCALHOST.:{port}/",
    "localhost over TLS": "https://localhost:{port}/",
    "localhost below": "http://foo.localhost:{port}/",
    "localhost.localdomain": "http://localhost.localdomain:{port}/",
    "localhost of IPv6": "http://ip6-localhost:{port}/",
    "trailing dot": "http://127.0.0.1.:{port}/",
    "trailing dots": "http://127.0.0.1..:{port}/",
    "trailing dot of a name": "http://inside.test.:{port}/",
    "ideographic dots": "http://127。0。0。1:{port}/",
    "fullwidth dots": "http://127\uff0e0\uff0e0\uff0e1:{port}/",
    "fullwidth digits": "http://\uff11\uff12\uff17.0.0.1:{port}/",
    "circled digits": "http://①②⑦.0.0.1:{port}/",
    "circled letters": "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/",
    "soft hyphen": "http://local\u00adhost:{port}/",
    "zero-width joiner": "http://local\u200dhost:{port}/",
    "broken punycode": "http://xn--inside-.test:{port}/",
    "credentials": "http://user:pass@127.0.0.1:{port}/",
    "credentials before a public name": "http://user:pass@public.test/",
    "a user alone": "http://user@public.test/",
    "a public name as user": "http://public.test@127.0.0.1:{port}/",
    "a public name as user and password": "http://public.test:80@127.0.0.1:{port}/",
    "a public name as user, escaped": "http://public.test%40127.0.0.1:{port}/",
    "two ats": "http://a@public.test@127.0.0.1:{port}/",
    "backslash before at": "http://public.test\\@127.0.0.1:{port}/",
    "backslashes": "http:\\\\127.0.0.1:{port}\\",
    "no scheme": "//127.0.0.1:{port}/",
    "three slashes": "http:///127.0.0.1:{port}/",
    "one slash": "http:/127.0.0.1:{port}/",
    "space": "http://127.0.0.1 :{port}/",
    "tab": "http://127.0.0.1\t:{port}/",
    "line break": "http://127.0.0.1\r\nHost: public.test\r\n:{port}/",
    "NUL": "http://localhost%00.public.test:{port}/",
    "odd port": "http://public.test:22/",
    "port of a database": "http://public.test:5432/",
    "port past the last": "http://public.test:65616/",
    "negative port": "http://public.test:-1/",
    "port zero": "http://public.test:0/",
    "plain text to 443's neighbour": "https://public.test:8443/",
    "ftp": "ftp://127.0.0.1:{port}/",
    "gopher": "gopher://127.0.0.1:{port}/_GET%20/",
    "dict": "dict://127.0.0.1:{port}/",
    "ws": "ws://127.0.0.1:{port}/",
    "file": "file:///etc/passwd",
    "file with a host": "file://127.0.0.1/etc/passwd",
    "unix socket": "http+unix://%2Fvar%2Frun%2Fx.sock/",
    "data": "data:text/plain,x",
    "jar": "jar:http://127.0.0.1:{port}/!/",
    "scheme twice": "http://http://127.0.0.1:{port}/",
}

# The expected socket calls: one connect, to the checked address.
PASSING = {
    "http://public.test/": [(PUBLIC, 80)],
    "HTTP://PUBLIC.TEST/": [(PUBLIC, 80)],
    "https://public.test/": [(PUBLIC, 443)],
    "http://public.test./": [(PUBLIC, 80)],
    "http://public.test:443/": [(PUBLIC, 443)],
    "https://public.test:80/path?query=http://127.0.0.1/#fragment": [(PUBLIC, 80)],
    "http://public.test/@127.0.0.1/": [(PUBLIC, 80)],
    "http://public.test/?@127.0.0.1": [(PUBLIC, 80)],
    "http://public.test#@127.0.0.1/": [(PUBLIC, 80)],
    "http://127.0.0.1.public.test/": [(PUBLIC, 80)],
    "http://localhost.public.test/": [(PUBLIC, 80)],
    "http://10.test/": [(PUBLIC, 80)],
    "http://münchen.test/": [(PUBLIC, 80)],
    "http://xn--mnchen-3ya.test/": [(PUBLIC, 80)],
    f"http://{PUBLIC}/": [(PUBLIC, 80)],
    f"http://[{PUBLIC_6}]/": [(PUBLIC_6, 80)],
    "https://public6.test/": [(PUBLIC_6, 443)],
    "https://both.test/": [(PUBLIC_6, 443), (PUBLIC, 443)],
}


class Zone:
    """Resolves as `ZONE` says, and asks nobody."""

    def __init__(self) -> None:
        self._rounds = {name: cycle(answers) for name, answers in ZONE.items()}

    async def __call__(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        """Return a name's next answer, or what the system's parser makes of a number."""
        name = host.lower().removesuffix(".")
        if name in self._rounds:
            return [(address, port) for address in next(self._rounds[name])]
        infos = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
        return [(str(address[0]), int(address[1])) for *_, address in infos]
