"""Who may ask: names of this service only, pages of this service only, and owners of its token.

A page of another site could otherwise have its visitor's browser ask a service on the visitor's own machine: directly
(its Origin tells), or after its name has been made to mean this machine (DNS rebinding; the Host header tells).
"""

import hmac
import ipaddress

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ampnet.service.metrics import Metrics
from ampnet.service.refusals import Refusal
from ampnet.service.uploads import Uploads
from ampnet.settings import ServeConfig

CLOSED_PREFIXES = ("/v1/", "/metrics", "/openapi.json")
"""What needs the token; the page asks its user for it."""

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
        app: the application.
        config: names and token.
        uploads: reads what is left of refused requests.
        metrics: count answers.
    """

    def __init__(self, app: ASGIApp, config: ServeConfig, uploads: Uploads, metrics: Metrics) -> None:
        self._app, self._uploads, self._metrics = app, uploads, metrics
        self._is_local = is_loopback(config.host)
        self._names = {"localhost", config.host.lower(), *map(_name_of, config.allow_hosts)}
        self._token = config.token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; see ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_read = False

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
                self._metrics.requests.labels(status=str(message["status"])).inc()
                if not is_read and message["status"] != SILENT:
                    await self._uploads.drain(receiving)
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receiving, sending)
        except Refusal as refusal:
            await answer(refusal)(scope, receiving, sending)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(_name_of(host)):
            raise Refusal(421, "unknown_host", "unknown host name; allow it with `ampnet serve --allow-host`")
        origin = headers.get("origin")
        is_foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
        is_link = headers.get("sec-fetch-mode") == "navigate"  # a link to the page; forms have an Origin
        if is_foreign or (headers.get("sec-fetch-site") == "cross-site" and not is_link):
            raise Refusal(403, "other_site", "pages of other sites may not use this service")
        if self._token is not None and scope["path"].startswith(CLOSED_PREFIXES):
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode("latin-1"), f"Bearer {self._token}".encode()):
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


def _name_of(host: str) -> str:
    """Return the name or address in a Host header, in lower case and without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")
