"""Errors of the service: one form of JSON for all."""

from collections.abc import Collection
from typing import Any

from ampnet.files.printable import printable

MAX_NAME = 100
"""Characters of a client's own text in a message."""

BUSY_SECONDS = 1
"""When a client may try again after the service was busy."""


class Refusal(Exception):
    """An answer that says what is wrong with a request, and what to do.

    Args:
        code: a word for programs.
        message: a sentence for people.
    """

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON of the answer."""
        return {"error": {"code": self.code, "message": self.message}}


def busy(message: str) -> Refusal:
    """Refuse what can be answered later."""
    return Refusal(503, "busy", message, {"Retry-After": str(BUSY_SECONDS)})


def unknown_name(kind: str, unknown: Collection[str], known: Collection[str]) -> Refusal:
    """Refuse a parameter or a field that nothing reads: a misspelt one would change nothing, silently."""
    takes = f"known: {', '.join(known)}" if known else "this address takes none"
    code = "wrong_parameter" if kind == "parameter" else "malformed"
    return Refusal(400, code, f"unknown {kind} '{printable(min(unknown), MAX_NAME)}'; {takes}")


INTERNAL = Refusal(500, "internal", "an error in ampnet; `ampnet serve --debug` shows it")
