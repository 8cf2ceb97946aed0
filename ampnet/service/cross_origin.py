"""CORS: which other sites' pages may use the service, and what tells their browsers so."""

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

METHODS = "GET, POST"
REQUEST_HEADERS = "Authorization, Content-Type, X-Request-Id"
ANSWER_HEADERS = "Retry-After, X-Request-Id"
PREFLIGHT_SECONDS = 600
"""How long a browser remembers what it may send."""


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
        """Answer an allowed page's question what it may send; None for any other request."""
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
