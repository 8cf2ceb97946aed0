"""Reverse proxies that are trusted: what they say about the host that was asked for counts."""

import ipaddress
from collections.abc import Sequence

from starlette.types import Scope


class Proxies:
    """Addresses whose X-Forwarded-* headers count; from any other they are ignored.

    Args:
        addresses: addresses and networks, such as ``10.0.0.0/8``.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(address, strict=False) for address in addresses]

    def apply(self, scope: Scope) -> None:
        """Give a request the host and the scheme that its proxy was asked for."""
        client = scope.get("client")
        if client is None or not self._trusts(client[0]):
            return
        sent = {name: value for name, value in scope["headers"] if name.startswith(b"x-forwarded-")}
        if host := _last(sent.get(b"x-forwarded-host", b"")):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [(b"host", host), *others]
        if (scheme := _last(sent.get(b"x-forwarded-proto", b""))) in (b"http", b"https"):
            scope["scheme"] = scheme.decode()

    def _trusts(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _last(value: bytes) -> bytes:
    """Return the entry of the nearest proxy; those before it came with the request."""
    return value.rpartition(b",")[2].strip()
