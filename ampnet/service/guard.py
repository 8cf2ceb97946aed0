"""Access control: names of this service, its own pages and those of allowed origins, and owners of its token.

A page of another site could otherwise have its visitor's browser ask a service on the visitor's own machine: directly
(see its Origin), or after its name has been made to mean this machine (DNS rebinding; see the Host header).
"""

import hmac
import ipaddress
import re
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ampnet.service.metrics import Metrics
from ampnet.service.refusals import Refusal, busy
from ampnet.service.schema import CLOSED_PREFIXES, OTHER_SITE
from ampnet.service.uploads import Uploads
from ampnet.settings import ServeConfig

ALWAYS_ANSWERED = ("/healthz", "/readyz")
"""Paths for health checks: answered under any load."""

LOGGED_PATHS = ("/", "/v1/predict", "/v1/model", "/v1/card", "/healthz", "/readyz", "/metrics", "/openapi.json")
"""Paths that the access log names; others could be any text."""

REQUEST_ID = re.compile(r"[\w.:@/+=-]{1,128}", re.ASCII)
"""Ids of a client's own that come back; anything else is replaced."""

SILENT = 408
"""Status of a client from which nothing comes that could be read."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


def is_loopback(host: str) -> bool:
    """Return whether an address to listen on is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Checks each request's Host, Origin and token before the application sees it, and adds headers to each answer.

    Args:
        uploads: reads what is left of refused requests.
        log: gets a line of the access log for each answer, as plain values.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: ServeConfig,
        uploads: Uploads,
        metrics: Metrics,
        log: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._app, self._uploads, self._metrics, self._log = app, uploads, metrics, log
        self._cross_origin, self._proxies = CrossOrigin(config.allow_origins), Proxies(config.proxies)
        self._running, self._max_requests = 0, config.max_requests
        self._is_local = is_loopback(config.host)
        self._names = {"localhost", config.host.lower(), *map(_name_of, config.allow_hosts)}
        self._token = config.token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; see ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._proxies.apply(scope)
        request_headers = Headers(scope=scope)
        given_id = request_headers.get("x-request-id", "")
        request_id = given_id if REQUEST_ID.fullmatch(given_id) else uuid.uuid4().hex
        state, start, is_read = scope.setdefault("state", {}), time.monotonic(), False

        async def receiving() -> Message:
            nonlocal is_read
            message = await receive()
            is_read = is_read or not message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Request-Id"] = request_id
                self._cross_origin.add_headers(request_headers, headers)
                self._metrics.requests.labels(status=str(message["status"])).inc()
                if not is_read and message["status"] != SILENT:
                    await self._uploads.drain(receiving)
                if self._log is not None:
                    about = {"status": message["status"], "ms": round(1000 * (time.monotonic() - start), 1)}
                    self._log(_log_line(scope, request_id) | about | {"faces": state.get("faces")})
            await send(message)

        self._running += 1
        try:
            self._check_host(request_headers)
            preflight = self._cross_origin.preflight(scope["method"], request_headers)
            if preflight is None:
                self._check(scope, request_headers)
            is_head = scope["method"] == "HEAD"  # answered as GET; uvicorn leaves the content out
            await (preflight or self._app)({**scope, "method": "GET"} if is_head else scope, receiving, sending)
        except Refusal as refusal:
            await answer(refusal)(scope, receiving, sending)
        finally:
            self._running -= 1

    def _check_host(self, headers: Headers) -> None:
        if not self._is_ours(_name_of(headers.get("host", ""))):
            raise Refusal(421, "unknown_host", "unknown host name; allow it with `ampnet serve --allow-host`")

    def _check(self, scope: Scope, headers: Headers) -> None:
        if self._running > self._max_requests and scope["path"] not in ALWAYS_ANSWERED:
            raise busy(f"{self._max_requests} requests are in progress already; try again")
        host = headers.get("host", "")
        origin = headers.get("origin")
        is_foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
        is_link = headers.get("sec-fetch-mode") == "navigate"  # a link to the page; forms have an Origin
        is_foreign = is_foreign or (headers.get("sec-fetch-site") == "cross-site" and not is_link)
        if is_foreign and not self._cross_origin.allows(headers):
            raise Refusal(403, "other_site", OTHER_SITE)
        if self._token is not None and scope["path"].startswith(CLOSED_PREFIXES):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            is_right = hmac.compare_digest(given.encode("latin-1"), self._token.encode())
            if not is_right or scheme.lower() != "bearer":  # in any case: RFC 9110, section 11.1
                raise Refusal(
                    401, "no_token", "send the header `Authorization: Bearer TOKEN`", {"WWW-Authenticate": "Bearer"}
                )

    def _is_ours(self, name: str) -> bool:
        """Return whether a name from a Host header means this service; an address cannot be made to mean another."""
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._is_local


def answer(refusal: Refusal) -> JSONResponse:
    """Turn a refusal into an answer."""
    return JSONResponse(refusal.to_dict(), refusal.status, refusal.headers)


def _log_line(scope: Scope, request_id: str) -> dict[str, Any]:
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "request_id": request_id,
        "method": scope["method"],
        "path": scope["path"] if scope["path"] in LOGGED_PATHS else "other",
    }


def _name_of(host: str) -> str:
    """Return the name or address in a Host header, in lower case and without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


class Proxies:
    """Addresses whose X-Forwarded-* headers count; from any other they are ignored.

    Args:
        addresses: addresses and networks, such as ``10.0.0.0/8``.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(address, strict=False) for address in addresses]

    def apply(self, scope: Scope) -> None:
        """Give a request the host and the scheme that its client sent to the proxy."""
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
        address = getattr(address, "ipv4_mapped", None) or address  # as IPv4 peers appear with --host ::
        return any(address in network for network in self._networks)


def _last(value: bytes) -> bytes:
    """Return the entry of the nearest proxy; those before it came with the request."""
    return value.rpartition(b",")[2].strip()


METHODS = "GET, POST"
REQUEST_HEADERS = "Authorization, Content-Type, X-Request-Id"
ANSWER_HEADERS = "Retry-After, X-Request-Id"
PREFLIGHT_SECONDS = 600
"""How long a browser may cache a preflight answer."""


class CrossOrigin:
    """The origins that were allowed; none by default.

    Args:
        origins: such as ``https://example.org``; ``*`` for all.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = {origin.lower() for origin in origins}

    def allows(self, headers: Headers) -> bool:
        """Return whether a request comes from a page of an allowed origin."""
        origin = headers.get("origin")
        return origin is not None and ("*" in self._origins or origin.lower() in self._origins)

    def preflight(self, method: str, headers: Headers) -> Response | None:
        """Answer the preflight request of an allowed page; None for any other request."""
        if method != "OPTIONS" or "access-control-request-method" not in headers or not self.allows(headers):
            return None
        answer = {
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": REQUEST_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        }
        if "access-control-request-private-network" in headers:
            answer["Access-Control-Allow-Private-Network"] = "true"
        return Response(status_code=204, headers=answer)

    def add_headers(self, request: Headers, answer: MutableHeaders) -> None:
        """Allow the browser to show an answer to the page, if its origin is allowed."""
        if self._origins:
            answer.add_vary_header("Origin")
        if self.allows(request):
            answer["Access-Control-Allow-Origin"] = request["origin"]
            answer["Access-Control-Expose-Headers"] = ANSWER_HEADERS
            answer["Cross-Origin-Resource-Policy"] = "cross-origin"
