"""The JSON of the service for its OpenAPI description, with an example."""

from collections.abc import Sequence
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from ampnet.results.columns import EXPLANATION_KEYS, FACE_KEYS, PHOTO_KEYS, SERVICE_KEYS, Column
from ampnet.service.base64_photos import FIELDS, IGNORED
from ampnet.settings import ServeConfig


def _key(name: str, keys: Sequence[Column], default: Any = ...) -> Any:
    return Field(default, description=next(key.meaning for key in keys if key.name == name))


class Explanation(BaseModel):
    """The logits of a face as a sum; see docs/columns.md."""

    added: dict[str, float] = _key("added", EXPLANATION_KEYS)
    summands: dict[str, dict[str, float]] = _key("summands", EXPLANATION_KEYS)
    regions: dict[str, list[list[float]]] = _key("regions", EXPLANATION_KEYS)


class FaceAnswer(BaseModel):
    """One face."""

    box: list[float] = _key("box", FACE_KEYS)
    face_score: float = _key("face_score", FACE_KEYS)
    landmarks: list[list[float]] = _key("landmarks", FACE_KEYS)
    label: str = _key("label", FACE_KEYS)
    probability: float = _key("probability", FACE_KEYS)
    answer: str = _key("answer", FACE_KEYS)
    scores: dict[str, float] = _key("scores", FACE_KEYS)
    warnings: list[str] = _key("warnings", FACE_KEYS)
    explanation: Explanation | None = Field(None, description="With `explain=1` only.")


class PhotoAnswer(BaseModel):
    """One photo, as in the list `images` of `ampnet predict --json`."""

    image: str = Field(description="The name of the file, as it was sent.")
    frame: int | None = Field(None, description="Always null: photos have no frames.")
    seconds: float | None = Field(None, description="Always null.")
    status: Literal["ok", "no face", "unreadable"] = _key("status", PHOTO_KEYS)
    problem: str | None = Field(None, description="Why it cannot be read.")
    width: int | None = _key("width", PHOTO_KEYS, None)
    height: int | None = _key("height", PHOTO_KEYS, None)
    model: str = _key("model", PHOTO_KEYS)
    warnings: list[str] = _key("warnings", PHOTO_KEYS)
    faces: list[FaceAnswer] = _key("faces", PHOTO_KEYS)


class ModelName(BaseModel):
    """The model that answered."""

    name: str
    sha256: str


class Answer(BaseModel):
    """The answer to `POST /v1/predict`."""

    model: ModelName
    photos: list[PhotoAnswer] = _key("photos", SERVICE_KEYS)


class Limits(BaseModel):
    """Limits of the service; see `ampnet serve --help`."""

    max_megabytes: float
    max_megapixels: float
    max_files: int
    max_faces: int
    max_seconds: float
    max_decode_seconds: float
    max_requests: int
    queue: int


class Model(BaseModel):
    """The model and the service: the answer to `GET /v1/model`."""

    name: str
    sha256: str = Field(description="Of the model's file.")
    runtime: Literal["onnx", "torch"]
    ampnet: str = Field(description="The version of ampnet.")
    class_names: list[str] = Field(description="In the order of the scores.")
    rejection_threshold: float = Field(description='Minimum probability of an answer other than "not sure".')
    detector_sha256: str
    can_explain: bool = Field(description="Whether `explain=1` is possible.")
    card: str | None = Field(description="The model card in Markdown.")
    is_local: bool = Field(description="Whether only this machine reaches the service.")
    limits: Limits


class ErrorText(BaseModel):
    """The error."""

    code: Literal[
        "busy",
        "cannot_explain",
        "gone",
        "internal",
        "malformed",
        "no_card",
        "no_photo",
        "no_token",
        "not_found",
        "one_photo",
        "other_site",
        "refused",
        "too_large",
        "too_many_files",
        "too_slow",
        "unknown_host",
        "unreadable",
        "wrong_method",
        "wrong_parameter",
        "wrong_type",
    ]
    message: str


class Error(BaseModel):
    """The answer to every request that fails."""

    error: ErrorText


CLOSED_PREFIXES = ("/v1/", "/metrics", "/openapi.json")
"""What needs the token; the page asks its user for it."""

ANSWER_EXAMPLE: dict[str, Any] = {
    "model": {"name": "bundled:ferplus", "sha256": "9f2c..."},
    "photos": [
        {
            "image": "portrait.jpg",
            "frame": None,
            "seconds": None,
            "status": "ok",
            "problem": None,
            "width": 640,
            "height": 480,
            "model": "bundled:ferplus@9f2c1a3b",
            "warnings": [],
            "faces": [
                {
                    "box": [212.4, 96.1, 421.9, 371.0],
                    "face_score": 0.9991,
                    "landmarks": [[268.2, 201.5], [366.3, 203.0], [318.8, 262.1], [276.9, 305.4], [359.7, 306.6]],
                    "label": "happiness",
                    "probability": 0.97,
                    "answer": "happiness",
                    "scores": {"happiness": 0.97, "neutral": 0.03},
                    "warnings": [],
                }
            ],
        }
    ],
}

_BASE64 = {"type": "string", "description": "A photo as base64, or as a data: URL of it."}
_BASE64S = {"anyOf": [_BASE64, {"type": "array", "items": _BASE64, "minItems": 1}]}
_IGNORED: dict[str, Any] = {"description": "Ignored; clients of deepface send it."}
_PHOTO = {"schema": {"type": "string", "format": "binary"}}
BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                "required": ["file"],
                "additionalProperties": False,
            }
        },
        "image/jpeg": _PHOTO,
        "image/png": _PHOTO,
        "application/octet-stream": _PHOTO,
        "application/json": {
            "schema": {
                "type": "object",
                "properties": dict.fromkeys(FIELDS, _BASE64S) | dict.fromkeys(IGNORED, _IGNORED),
                "additionalProperties": False,
                "oneOf": [{"required": [name]} for name in FIELDS],
            },
            "example": {"img": "data:image/jpeg;base64,/9j/4AAQSkZJRg=="},
        },
    },
}

MODEL_EXAMPLE: dict[str, Any] = {
    "name": "bundled:ferplus",
    "sha256": "9f2c...",
    "runtime": "onnx",
    "ampnet": "0.1.0",
    "class_names": ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"],
    "rejection_threshold": 0.0,
    "detector_sha256": "41d7...",
    "can_explain": True,
    "card": "# Model card ...",
    "is_local": True,
    "limits": {name: getattr(ServeConfig, name) for name in Limits.model_fields},
}

NO_REGIONS = "this model gives no explanations: it is an exported model, or has no regions"
OTHER_SITE = "pages of other sites may not use this service; allow one with `ampnet serve --allow-origin ORIGIN`"

ERRORS = {
    400: ("malformed", "unknown field; photos are files in fields called 'file'"),
    401: ("no_token", "send the header `Authorization: Bearer TOKEN`"),
    403: (
        "other_site",
        OTHER_SITE,
    ),
    408: ("too_slow", "the request did not arrive within 30 s"),
    413: ("too_large", "the request has more than 32,000,000 bytes; send smaller or fewer photos"),
    415: ("wrong_type", "send photos as multipart/form-data with fields called 'file', or one photo as image/jpeg"),
    421: ("unknown_host", "unknown host name; allow it with `ampnet serve --allow-host`"),
    422: ("unreadable", "cannot read the photo: not an image, or a damaged one"),
    501: ("cannot_explain", NO_REGIONS),
    503: ("busy", "the queue is full (128 photos); try again"),
}


def responses() -> dict[int | str, dict[str, Any]]:
    """Describe the answers to `POST /v1/predict`."""
    found: dict[int | str, dict[str, Any]] = {
        200: {
            "model": Answer,
            "description": "The faces; with `annotate=1`, the photo with the faces drawn in.",
            "content": {"application/json": {"example": ANSWER_EXAMPLE}, "image/jpeg": _PHOTO},
        }
    }
    for status, (code, message) in ERRORS.items():
        found[status] = error(code, message)
    return found


def common_responses() -> dict[int | str, dict[str, Any]]:
    """Describe the errors that every address may answer."""
    unknown = "unknown parameter 'explan'; known: explain, annotate"
    return {400: error("wrong_parameter", unknown), **{status: error(*ERRORS[status]) for status in (403, 421)}}


def model_responses() -> dict[int | str, dict[str, Any]]:
    """Describe the answer to `GET /v1/model`."""
    return {200: {"model": Model, "content": {"application/json": {"example": MODEL_EXAMPLE}}}}


def describe(app: FastAPI, has_token: bool) -> None:
    """Add to the OpenAPI description what the routes do not say: the token, and one shape of errors.

    Args:
        app: the application with all its routes.
    """

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            about: dict[str, Any] = {"title": app.title, "version": app.version, "description": app.description}
            described = get_openapi(**about, routes=app.routes)
            described["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            for path, operations in described["paths"].items():
                for operation in operations.values():
                    operation["summary"] = operation.pop("description")  # a sentence; else a name out of the code
                    operation["security"] = [{"token": []}] if has_token and path.startswith(CLOSED_PREFIXES) else []
            app.openapi_schema = described
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def error(code: str, message: str) -> dict[str, Any]:
    """Describe the answer to a request that fails."""
    example = {"error": {"code": code, "message": message}}
    return {"model": Error, "content": {"application/json": {"example": example}}}
