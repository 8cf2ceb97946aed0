"""Fetching one picture from an http(s) address: from public hosts only, bounded in bytes and in time.

Addresses are untrusted, and must not make this machine ask for what only it can reach. So a host's name is
resolved once, each of its addresses has to be public, and the connection goes to an address that was checked. TLS
still checks the certificate against the name. Proxies of the environment are not used: they would resolve the name
themselves, behind this check.
"""

import io
import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from ampnet.errors import DataError
from ampnet.files.printable import one_line, printable

if TYPE_CHECKING:  # http.client and ssl are imported when something is fetched, as they take their time
    import ssl
    from http.client import HTTPResponse

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_URL = re.compile(r"https?://", re.IGNORECASE)
_BLOCK = 1 << 16
_REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_OF_CLOUDS = (ipaddress.ip_address("168.63.129.16"),)
"""Public by number, but a service of the machine itself at Azure."""


def is_url(given: object) -> bool:
    """Whether it is text that begins with ``http://`` or ``https://``."""
    return isinstance(given, str) and _URL.match(given) is not None


def is_public(address: IpAddress) -> bool:
    """Whether an address belongs to the internet at large; IPv4 inside IPv6 counts as what it leads to."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved and address not in _OF_CLOUDS


def _system_resolver(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _system_trust() -> "ssl.SSLContext":
    import ssl

    return ssl.create_default_context()


@dataclass(frozen=True)
class Policy:
    """What may be fetched."""

    allows: Callable[[IpAddress], bool] = is_public
    """Which addresses may be connected to."""
    seconds: float = 30.0
    """Time limit for everything, redirects included."""
    redirects: int = 5
    """Redirects that are followed."""
    resolve: Callable[[str, int], list[str]] = _system_resolver
    """Gives the addresses of a host and a port; raises OSError."""
    trust: "Callable[[], ssl.SSLContext]" = _system_trust
    """Gives the certificates that are trusted."""


POLICY = Policy()
"""The one in use."""


def fetch(url: str, limit: int, policy: Policy | None = None) -> bytes:
    """Fetch the content of an address into memory.

    Args:
        url: an http or https address without credentials.
        limit: maximum size in bytes.
        policy: what may be fetched; None: :data:`POLICY`.

    Raises:
        DataError: the address or one that it redirects to is refused or cannot be reached, the answer is not 200, is a
            web page, is larger than ``limit``, or not complete in time. The message is the reason alone.
    """
    policy = policy or POLICY
    deadline = time.monotonic() + policy.seconds
    try:
        for _ in range(policy.redirects + 1):
            content, url = _ask(url, limit, policy, deadline)
            if content is not None:
                return content
    except TimeoutError as error:
        raise DataError(f"it was not received within {policy.seconds:g} seconds") from error
    raise DataError(f"it redirects more than {policy.redirects} times")


def file_name(url: str) -> str:
    """Return the last part of an address's path as the name of a file, without folders; the host if there is none."""
    parts = urlsplit(url)
    name = one_line(unquote(parts.path)).rstrip("/").rsplit("/", 1)[-1]
    return name if name not in ("", ".", "..") else (parts.netloc or "photo")


def _ask(url: str, limit: int, policy: Policy, deadline: float) -> tuple[bytes | None, str]:
    """Return the content; or None, and where it is to be found."""
    from http.client import HTTPConnection, HTTPException

    parts, host, port = _checked(url)
    addresses = _resolved(host, port, policy, deadline)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (
        "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?[]") if parts.query else ""
    )
    shown = f"[{host}]" if ":" in host else host
    headers = {
        "Host": shown if parts.port is None else f"{shown}:{port}",
        "User-Agent": "ampnet",
        "Accept": "image/*, */*;q=0.5",
        "Connection": "close",
    }
    try:
        with _connected(addresses, port, deadline) as plain, _secured(plain, parts, host, policy, deadline) as stream:
            connection = HTTPConnection(host, port)
            connection.sock = cast(socket.socket, _Timed(stream, deadline))
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            if response.status in _REDIRECTS and (place := response.getheader("Location")):
                return None, urljoin(url, place)
            return _content(response, limit), url
    except TimeoutError:
        raise
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"the request to {printable(host)} failed: {printable(reason or type(error).__name__)}"
        ) from error


def _checked(url: str) -> tuple[SplitResult, str, int]:
    """Parse an address; the host in the form in which it is looked up."""
    if any(character < " " or character == "\x7f" for character in url):
        raise DataError("the address holds control characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError as error:  # UnicodeError is one
        raise DataError("it is not a valid address") from error
    if parts.scheme not in ("http", "https"):
        raise DataError(f"it leads to {printable(parts.scheme or 'no scheme', 20)}:, and only http and https are read")
    if not host or any(character in host for character in " /\\%"):
        raise DataError("it is not a valid address: the host is missing or misspelt")
    if parts.username is not None or parts.password is not None:
        raise DataError("addresses with a user name or password are not read; download it first")
    return parts, host, port if port is not None else 443 if parts.scheme == "https" else 80


def _resolved(host: str, port: int, policy: Policy, deadline: float) -> list[str]:
    """Look a host up, and refuse it if any of its addresses is not allowed."""
    found: list[str] = []
    failures: list[OSError | UnicodeError] = []

    def look_up() -> None:
        try:
            found.extend(policy.resolve(host, port))
        except (OSError, UnicodeError) as error:
            failures.append(error)

    thread = threading.Thread(target=look_up, daemon=True)  # nothing else can end a look-up that hangs
    thread.start()
    thread.join(_left(deadline))
    if thread.is_alive():
        raise TimeoutError
    if failures or not found:
        raise DataError(f"the host {printable(host)} cannot be found; check its name, and the network") from (
            failures[0] if failures else None
        )
    for text in found:
        if not policy.allows(ipaddress.ip_address(text.partition("%")[0])):
            number = "" if text == host else f" ({printable(text)})"
            raise DataError(f"{printable(host)} is not a public host{number}; only public hosts are read")
    return found


def _connected(addresses: list[str], port: int, deadline: float) -> socket.socket:
    """Connect to the first address that answers."""
    failure: OSError | None = None
    for number, address in enumerate(addresses):
        try:  # the last one has all of the time that is left
            return socket.create_connection((address, port), _left(deadline) / (len(addresses) - number))
        except OSError as error:
            failure = error
    raise failure or OSError("no address")


def _secured(
    plain: socket.socket, parts: SplitResult, host: str, policy: Policy, deadline: float
) -> "socket.socket | ssl.SSLSocket":
    if parts.scheme == "http":
        return plain
    plain.settimeout(_left(deadline))
    return policy.trust().wrap_socket(plain, server_hostname=host)


def _content(response: "HTTPResponse", limit: int) -> bytes:
    if response.status != 200:
        raise DataError(f"the server answers {response.status} {printable(response.reason, 60)}".rstrip())
    kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise DataError("it is a web page, not a picture; give the address of the picture itself")
    if (response.getheader("Content-Encoding") or "identity").strip().lower() != "identity":
        raise DataError("the server compressed it, which the request ruled out")
    too_large = DataError(f"it has more than the limit of {limit:,} bytes")
    if response.length is not None and response.length > limit:
        raise too_large
    content = bytearray()
    while part := response.read(_BLOCK):
        content += part
        if len(content) > limit:
            raise too_large
    if response.length:
        raise DataError("the server closed the connection before the picture was complete")
    return bytes(content)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Timed(io.RawIOBase):
    """A connection whose single time limit holds for all of its reads and writes together.

    It stands for the socket of an HTTPConnection, which closes it early; the owner closes the real one.
    """

    def __init__(self, stream: socket.socket, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def makefile(self, *_arguments: Any) -> io.BufferedReader:
        return io.BufferedReader(self, _BLOCK)

    def sendall(self, data: bytes) -> None:
        self._stream.settimeout(_left(self._deadline))
        self._stream.sendall(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._stream.settimeout(_left(self._deadline))
        return self._stream.recv_into(buffer)

    def close(self) -> None:
        """Stay open."""
