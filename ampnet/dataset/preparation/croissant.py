"""`croissant.json`: a prepared data set described for other programs, in the Croissant format of MLCommons.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html, version 1.0. It names the files with their hashes and the
columns of faces.csv, so that a loader of Croissant yields each face with its image, class, split and person.
"""

from pathlib import Path
from typing import Any

import ampnet
from ampnet.dataset.index.faces_table import COLUMNS
from ampnet.dataset.index.index_files import CROISSANT_FILE, FACES_FILE
from ampnet.dataset.index.raw_images import RawDataSet
from ampnet.files.writing import sha256_of, write_json

SPECIFICATION = "http://mlcommons.org/croissant/1.0"

KINDS = {"score": "sc:Float", "grey_mean": "sc:Float", "grey_spread": "sc:Float"} | dict.fromkeys(
    ("faces", "width", "height"), "sc:Integer"
)
"""Types of the columns that are not text."""

_TERMS = (
    *("citeAs", "column", "data", "equivalentProperty", "extract", "field", "fileProperty"),
    *("format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path"),
    *("recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField"),
    *("transform", "fileObject", "fileSet", "examples", "dataType"),
)

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    **{term: f"cr:{term}" for term in _TERMS},
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "fileObject": "cr:fileObject",
}
"""The specification's own."""


def write_croissant(root: Path, source: RawDataSet) -> None:
    """Describe a prepared data set whose images are files, in a file beside its index.

    Args:
        root: the data set, complete.
        source: what it was made from.

    Raises:
        DataError: the file cannot be written.
    """
    write_json(root / CROISSANT_FILE, _description(root, source))


def _description(root: Path, source: RawDataSet) -> dict[str, Any]:
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": source.layout,
        "description": f"{source.layout}, classes {', '.join(source.class_names)}: faces of 224 x 224 pixels, made by "
        f"ampnet prepare {ampnet.__version__}.",
        "conformsTo": SPECIFICATION,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": FACES_FILE,
                "name": FACES_FILE,
                "contentUrl": f"index/{FACES_FILE}",
                "encodingFormat": "text/csv",
                "sha256": sha256_of(root / "index" / FACES_FILE),
            },
            {"@type": "cr:FileSet", "@id": "images", "encodingFormat": "image/jpeg", "includes": "dataset/*.jpg"},
        ],
        "recordSet": [{"@type": "cr:RecordSet", "@id": "faces", "name": "faces", "field": _fields()}],
    }
    return described | ({"license": source.licence} if source.licence else {})


def _fields() -> list[dict[str, Any]]:
    fields = [
        _field(name, KINDS.get(name, "sc:Text"), {"fileObject": {"@id": FACES_FILE}, "extract": {"column": name}})
        for name in COLUMNS
    ]
    fields[0]["references"] = {"fileSet": {"@id": "images"}, "extract": {"fileProperty": "filename"}}
    return [
        *fields,
        _field("image", "sc:ImageObject", {"fileSet": {"@id": "images"}, "extract": {"fileProperty": "content"}}),
    ]


def _field(name: str, kind: str, source: dict[str, Any]) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"faces/{name}", "name": name, "dataType": kind, "source": source}
