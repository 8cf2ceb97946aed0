"""`croissant.json`: a prepared data set described for other programs, in the Croissant format of MLCommons.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html, version 1.0. It names the files with their hashes and the
columns of faces.csv or of the shards' tables, so that a loader of Croissant yields each face with its image, class,
split and person.
"""

from pathlib import Path
from typing import Any

from ampnet.dataset.index.faces_table import COLUMNS
from ampnet.dataset.index.index_files import CROISSANT_FILE, FACES_FILE, META_FILE, IndexMeta, images_tar, read_meta
from ampnet.errors import DataError, UsageError
from ampnet.files.documents import read_json
from ampnet.files.printable import printable
from ampnet.files.writing import sha256_of, write_json

SPECIFICATION = "http://mlcommons.org/croissant/1.0"

KINDS = {"score": "sc:Float", "grey_mean": "sc:Float", "grey_spread": "sc:Float"} | dict.fromkeys(
    ("faces", "width", "height"), "sc:Integer"
)
"""Types of the columns of faces.csv that are not text."""

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


_MAKER = "made by ampnet prepare"


def refuse_other_description(root: Path) -> None:
    """Check that an existing description of the data set, if there is one, is from an earlier prepare.

    Raises:
        UsageError: it is not.
    """
    path = root / CROISSANT_FILE
    if not path.exists():
        return
    try:
        about = read_json(path, dict[str, Any], "", 1 << 30).get("description")
    except DataError:
        about = None
    if _MAKER not in str(about):
        raise UsageError(f"{printable(path)} is not by ampnet prepare; choose another --out, or rename it")


def write_croissant(root: Path, shards: int = 0) -> None:
    """Describe a prepared data set in a file beside its index; a set that prepare has not made gets none.

    Args:
        root: the data set, complete but for the file that comes last.
        shards: number of its shards; 0 if its images are files.

    Raises:
        DataError: the file cannot be written, or meta.json not be read.
    """
    meta = read_meta(root / "index" / META_FILE)
    if meta is not None and (shards or (root / "index" / FACES_FILE).exists()):
        write_json(root / CROISSANT_FILE, _description(root, meta, shards))


def _description(root: Path, meta: IndexMeta, shards: int) -> dict[str, Any]:
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": meta.layout,
        "description": f"{meta.layout}, classes {', '.join(meta.class_names)}: faces of 224 x 224 pixels, "
        f"{_MAKER} {meta.ampnet_version}.",
        "conformsTo": SPECIFICATION,
        "distribution": _shards(root, shards) if shards else _files(root),
        "recordSet": [{"@type": "cr:RecordSet", "@id": "faces", "name": "faces", "field": _fields(bool(shards))}],
    }
    return described | ({"license": meta.licence} if meta.licence else {})


def _files(root: Path) -> list[dict[str, Any]]:
    table = _file_object(root, FACES_FILE, f"index/{FACES_FILE}", "text/csv")
    return [table, _file_set("images", "image/jpeg", "dataset/*.jpg")]


def _shards(root: Path, shards: int) -> list[dict[str, Any]]:
    """Describe tables beside tars; a loader unpacks these, since Croissant knows no places within a file."""
    names = [images_tar(number) for number in range(shards)]
    tars = [_file_object(root, name, f"dataset/{name}", "application/x-tar") for name in names]
    images = _file_set("images", "image/jpeg", "*.jpg") | {"containedIn": [{"@id": name} for name in names]}
    return [*tars, images, _file_set("tables", "application/x-parquet", "index/faces-*.parquet")]


def _file_object(root: Path, name: str, place: str, encoding: str) -> dict[str, Any]:
    kind = {"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": place, "encodingFormat": encoding}
    return kind | {"sha256": sha256_of(root / place)}


def _file_set(name: str, encoding: str, includes: str) -> dict[str, Any]:
    return {"@type": "cr:FileSet", "@id": name, "encodingFormat": encoding, "includes": includes}


def _fields(in_shards: bool) -> list[dict[str, Any]]:
    """List the columns; those of shards are texts."""
    table = {"fileSet": {"@id": "tables"}} if in_shards else {"fileObject": {"@id": FACES_FILE}}
    kinds = {} if in_shards else KINDS
    fields = [_field(name, kinds.get(name, "sc:Text"), {**table, "extract": {"column": name}}) for name in COLUMNS]
    name = fields[0]
    name["references"] = {"fileSet": {"@id": "images"}, "extract": {"fileProperty": "filename"}}
    if in_shards:  # mlcroissant reads files that it has unpacked from the left side of a join only
        name["source"], name["references"] = name["references"], name["source"]
    content = {"fileSet": {"@id": "images"}, "extract": {"fileProperty": "content"}}
    return [*fields, _field("image", "sc:ImageObject", content)]


def _field(name: str, kind: str, source: dict[str, Any]) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"faces/{name}", "name": name, "dataType": kind, "source": source}
