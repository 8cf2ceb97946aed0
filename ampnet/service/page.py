"""The files of the page, from the package; nothing else of the disk can be asked for."""

from pathlib import Path

from starlette.responses import Response

from ampnet.service.refusals import Refusal

FOLDER = Path(__file__).parent / "page"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


NOTHING_HERE = "there is nothing here; GET / is the page, /openapi.json describes the rest"


def page_file(name: str = "index.html") -> Response:
    """Answer with a file of the page.

    Raises:
        Refusal: there is no such file.
    """
    names = {path.name: path for path in FOLDER.iterdir() if path.suffix in TYPES} if FOLDER.is_dir() else {}
    if name not in names:
        raise Refusal(404, "not_found", NOTHING_HERE)
    path = names[name]
    return Response(path.read_bytes(), media_type=TYPES[path.suffix], headers={"Cache-Control": "no-cache"})
