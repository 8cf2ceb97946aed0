"""Photos in a JSON body, as base64: what programs send that were written for deepface's service."""

import base64
import binascii
import json
import re

from ampnet.service.refusals import Refusal, unknown_name

TYPE = "application/json"
FIELDS = ("img", "image", "img_path")
"""Keys of the photo, or of a list of photos; deepface knows the first and the last."""

IGNORED = ("actions", "align", "anti_spoofing", "detector_backend", "enforce_detection")
"""What else clients of deepface send; nothing here depends on it."""

_DATA_URL = re.compile(r"data:[\w.+/-]*(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def decode_body(body: bytes, max_files: int) -> tuple[list[bytes], bool]:
    """Decode a body such as ``{"img": "data:image/jpeg;base64,..."}``.

    Returns:
        The content of each photo, and whether they came as a list.

    Raises:
        Refusal: it is not such JSON, holds no photo, too many, or something else than base64.
    """
    try:
        document = json.loads(body, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "malformed", "malformed JSON") from error
    named = document if isinstance(document, dict) else {}
    if unknown := named.keys() - {*FIELDS, *IGNORED}:
        raise unknown_name("field", unknown, FIELDS)
    photos = [named[name] for name in FIELDS if name in named]
    if len(photos) > 1:
        raise Refusal(400, "malformed", f"give only one of the fields {', '.join(FIELDS)}")
    given = photos[0] if photos else None
    texts = given if isinstance(given, list) else [given]
    if given is None or not texts:
        raise Refusal(400, "no_photo", 'no photo in the request; send {"img": "data:image/jpeg;base64,..."}')
    if len(texts) > max_files:
        raise Refusal(
            413, "too_many_files", f"more than {max_files} photos in a request; send them in several requests"
        )
    return [_decode(text) for text in texts], isinstance(given, list)


def _each_once(fields: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(fields)
    if len(found) < len(fields):  # json would keep the last, silently
        raise Refusal(400, "malformed", "a field is given twice; give each once")
    return found


def _decode(text: object) -> bytes:
    if isinstance(text, str):
        found = _DATA_URL.match(text[:200])
        try:
            return base64.b64decode(_SPACE.sub("", text[found.end() if found else 0 :]), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise Refusal(
        400, "malformed", "a photo in JSON is base64, or a data: URL of it; addresses and paths are not opened"
    )
