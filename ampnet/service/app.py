"""The routes of the service."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from io import BytesIO
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from PIL import Image as Pillow
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ampnet.errors import ConfigError, ProcessError
from ampnet.files.printable import one_line
from ampnet.results.photo_result import PhotoResult
from ampnet.service import schema
from ampnet.service.engine import Engine
from ampnet.service.guard import Guard, answer
from ampnet.service.metrics import Metrics
from ampnet.service.pages import FILES, card_page, page_file
from ampnet.service.refusals import INTERNAL, Refusal, busy, unknown_name
from ampnet.service.uploads import Held, Uploads
from ampnet.settings import ServeConfig

JPEG_QUALITY = 92

NO_CARD = "this checkpoint has no model card"

MAX_NAME = 255
"""Maximum length of a photo's name in an answer, in characters."""

_HTTP = {
    404: ("not_found", "there is nothing here; GET / is the page, /openapi.json describes the rest"),
    405: ("wrong_method", "this address does not take this method; /openapi.json lists the methods"),
}


def create_app(
    engine: Engine,
    about: schema.Model,
    config: ServeConfig,
    metrics: Metrics,
    log: Callable[[dict[str, Any]], None] | None = None,
) -> Guard:
    """Build the application: the routes behind the guard.

    Args:
        about: the model, and the limits of the service.
        log: see :class:`ampnet.service.guard.Guard`.
    """

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        await engine.stop()

    app = FastAPI(
        title="ampnet",
        version=about.ampnet,
        description="Faces and their expressions. Nothing that is sent is stored.",
        docs_url=None,  # they load programs from another host
        redoc_url=None,
        redirect_slashes=False,  # errors have one shape
        lifespan=life,
        dependencies=[Depends(_check_parameters)],
        responses=schema.common_responses(),
    )
    uploads = Uploads(config)
    predict = _Predict(engine, about, config, metrics, uploads)
    _handle_errors(app)

    @app.post(
        "/v1/predict",
        operation_id="predict",
        responses=schema.responses(),
        openapi_extra={"requestBody": schema.BODY},
        response_model=None,
    )
    async def _predict(
        request: Request,
        explain: Annotated[bool, Query(description="Also say what each region of a face added.")] = False,
        annotate: Annotated[bool, Query(description="Answer with the drawn photo instead; for one photo.")] = False,
    ) -> Response:
        """Find every face in the photos and classify its expression."""
        return await predict(request, explain, annotate)

    @app.get("/v1/model", operation_id="describe_model", responses=schema.model_responses(), response_model=None)
    async def _model() -> dict[str, Any]:
        """Describe the model and the limits of this service."""
        return about.model_dump()

    _add_pages(app, about, metrics)
    schema.describe(app, has_token=config.token is not None)
    return Guard(app, config, uploads, metrics, log)


def _add_pages(app: FastAPI, about: schema.Model, metrics: Metrics) -> None:
    """Add what needs no photo: the model card, states and counts, the page and its files."""

    @app.get(
        "/v1/card",
        operation_id="model_card",
        response_class=HTMLResponse,
        responses={404: schema.error("no_card", NO_CARD)},
    )
    async def _card() -> Response:
        """Give the model card as HTML, if the model has one."""
        if about.card is None:
            raise Refusal(404, "no_card", NO_CARD)
        return HTMLResponse(card_page(about.card))

    @app.get("/healthz", operation_id="is_alive")
    async def _health() -> dict[str, str]:
        """Say that the service answers; under any load."""
        return {"status": "ok"}

    @app.get("/readyz", operation_id="is_ready")
    async def _ready() -> dict[str, str]:
        """Say that the model is loaded and photos are taken; under any load."""
        return {"status": "ready"}

    @app.get("/metrics", operation_id="metrics", response_class=Response)
    async def _metrics() -> Response:
        """Give counts and durations in Prometheus's text format."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    for name in ("", *FILES):
        app.add_api_route(f"/{name}", partial(page_file, name or "index.html"), include_in_schema=False)


class _Predict:
    """Answers `POST /v1/predict`."""

    def __init__(
        self, engine: Engine, about: schema.Model, config: ServeConfig, metrics: Metrics, uploads: Uploads
    ) -> None:
        self._engine, self._about, self._config = engine, about, config
        self._metrics, self._uploads = metrics, uploads

    async def __call__(self, request: Request, explain: bool, annotate: bool) -> Response:
        self._uploads.check(request)
        if explain and not self._about.can_explain:
            raise Refusal(501, "cannot_explain", schema.NO_REGIONS)
        if annotate and explain:
            raise Refusal(400, "wrong_parameter", "annotate=1 answers with a picture, explain=1 with numbers; give one")
        if self._engine.is_full:
            raise busy("the queue is full; try again")
        held = await self._uploads.read(request)
        try:
            if annotate and len(held.photos) != 1:
                raise Refusal(400, "one_photo", "annotate=1 takes one photo")
            places = len(held.photos)
            self._engine.reserve(places)
            try:
                with self._metrics.predict_seconds.time():
                    return await self._in_time(request, self._answer(request, held, explain, annotate))
            finally:
                self._engine.release(places)
        finally:
            held.release()

    async def _in_time(self, request: Request, work: Coroutine[Any, Any, Response]) -> Response:
        """Give up when the answer takes too long, or the client has disconnected."""
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(_client_has_gone(request))
        try:
            await asyncio.wait((task, gone), timeout=self._config.max_seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if gone.done():
                raise ClientDisconnect
            raise busy(f"no answer within {self._config.max_seconds:g} s; try again")
        finally:
            for pending in (task, gone):
                pending.cancel()
            await asyncio.gather(task, gone, return_exceptions=True)

    async def _answer(self, request: Request, held: Held, explain: bool, annotate: bool) -> Response:
        results = await asyncio.gather(
            *(self._engine.find(one_line(photo.name)[:MAX_NAME], photo.content, explain) for photo in held.photos),
            return_exceptions=True,
        )
        found = [_checked(result) for result in results]
        request.state.faces = sum(len(result) for result in found)
        for result in found:
            self._metrics.photos.labels(outcome=result.status).inc()
            self._metrics.faces.inc(len(result))
        if (annotate or not held.is_list) and found[0].problem is not None:
            raise Refusal(422, "unreadable", found[0].problem)
        if annotate:
            return Response(await asyncio.to_thread(_drawn, found[0]), media_type="image/jpeg")
        about = {"name": self._about.name, "sha256": self._about.sha256}
        return JSONResponse({"model": about, "photos": [result.to_dict() for result in found]})


def _checked(result: PhotoResult | BaseException) -> PhotoResult:
    if isinstance(result, BaseException):
        raise _refusal(result)
    return result


def _refusal(error: BaseException) -> BaseException:
    if isinstance(error, ConfigError):
        return Refusal(501, "cannot_explain", str(error))
    if isinstance(error, ProcessError):
        return busy("photos cannot be decoded at the moment; try again")
    return error


async def _client_has_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _drawn(result: PhotoResult) -> bytes:
    picture = BytesIO()
    comment = f"ampnet: {result.model}".encode()
    Pillow.fromarray(result.plot()).save(picture, format="JPEG", quality=JPEG_QUALITY, comment=comment)
    return picture.getvalue()


def _check_parameters(request: Request) -> None:
    """Refuse query parameters that the address does not have, or that come twice; links to the page may carry any."""
    route = request.scope["route"]
    known = [parameter.alias for parameter in route.dependant.query_params]
    if route.include_in_schema and (unknown := request.query_params.keys() - set(known)):
        raise unknown_name("parameter", unknown, known)
    names = [name for name, _value in request.query_params.multi_items()]
    if route.include_in_schema and (repeated := [name for name in known if names.count(name) > 1]):
        raise Refusal(400, "wrong_parameter", f"{repeated[0]} is given {names.count(repeated[0])} times; give it once")


def _handle_errors(app: FastAPI) -> None:
    """Give all errors the same form."""

    @app.exception_handler(Refusal)
    async def _refused(_request: Request, error: Refusal) -> Response:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        names = ", ".join(sorted({str(entry["loc"][-1]) for entry in error.errors()}))
        return answer(Refusal(400, "wrong_parameter", f"wrong value of {names}; give 1 or 0"))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        code, message = _HTTP.get(error.status_code, ("refused", str(error.detail)))
        return answer(Refusal(error.status_code, code, message, dict(error.headers or {})))

    @app.exception_handler(Exception)
    async def _failed(_request: Request, _error: Exception) -> Response:
        return answer(INTERNAL)

    @app.exception_handler(ClientDisconnect)
    async def _gone(_request: Request, _error: ClientDisconnect) -> Response:
        return answer(Refusal(499, "gone", "the client has disconnected"))
