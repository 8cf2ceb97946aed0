"""Whatever a document holds, its reader answers with a value or with an error of ours: properties, not examples."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.dataset.index.landmarks_file import read_landmarks
from ampnet.dataset.open_index import read_index
from ampnet.dataset.sources import open_source
from ampnet.errors import AmpnetError
from ampnet.faces.framing import Framing
from ampnet.files.pickle_reader import read_inert
from ampnet.files.printable import printable
from ampnet.inference.calibration import read_prior
from tests.dataset.sources.small_files import text
from tests.hostile.checkpoint_fields import FIELDS, load, set_field, write
from tests.hostile.landmark_files import npy
from tests.hostile.pickle_files import safetensors_file, torch_zip
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

fixed = settings(
    derandomize=True, deadline=None, database=None, max_examples=30, phases=(Phase.explicit, Phase.generate)
)
"""The same examples in every run, however slow the machine is; a failing one is reported as it is, without minutes of
shrinking."""

numbers = st.one_of(st.integers(), st.floats(), st.integers(min_value=10**15, max_value=10**40))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8,
)
cells = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


def refused_or_read(read: Callable[[], object]) -> None:
    """Accept a result, or an error of ours that says something; any other error fails the test."""
    try:
        read()
    except AmpnetError as error:
        assert str(error)  # noqa: PT017 (it need not be raised)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prepared_faces(tmp_path_factory.mktemp("set") / "p", train=1, val=1, test=0, image_size=48)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("run")) / "best.pt"


@fixed
@given(st.text(), st.integers(min_value=8, max_value=300))
def test_printed_text_is_one_printable_line_within_its_limit(words: str, limit: int) -> None:
    shown = printable(words, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    shown.encode()


@fixed
@given(st.text(st.characters(categories=["L", "N", "P", "Zs"], include_characters=" "), max_size=100))
def test_harmless_text_is_printed_as_it_is(words: str) -> None:
    assert not words.isprintable() or printable(words) == words


@fixed
@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_of_labels_or_refused(prepared: Path, content: bytes) -> None:
    labels = prepared / "index" / "data_label.txt"
    good = labels.read_bytes()
    try:
        labels.write_bytes(content)
        refused_or_read(lambda: read_index(prepared))
        labels.write_bytes(good + content)
        refused_or_read(lambda: read_index(prepared))
    finally:
        labels.write_bytes(good)


@fixed
@given(st.dictionaries(st.sampled_from(["class_names", "splits", "counts", "framing", "layout", "x"]), values))
def test_any_json_is_a_meta_file_or_refused(prepared: Path, meta: dict[str, Any]) -> None:
    path = prepared / "index" / "meta.json"
    try:
        path.write_text(json.dumps(meta))
        refused_or_read(lambda: read_index(prepared))
    finally:
        path.unlink()


@fixed
@given(st.lists(st.lists(cells, min_size=1, max_size=5), max_size=4))
def test_any_csv_is_a_table_of_votes_or_faces_or_refused(prepared: Path, rows: list[list[str]]) -> None:
    name = (prepared / "index" / "data_label.txt").read_text().split()[0]
    lines = [",".join(json.dumps(cell) for cell in row) for row in rows]
    for file, head in (("label_votes.csv", "name,fear,anger"), ("faces.csv", "name,source,split,class,status")):
        path = prepared / "index" / file
        try:
            path.write_text("\n".join([head, f"{name},1,1", *lines]))
            refused_or_read(lambda: read_index(prepared))
        finally:
            path.unlink()


@fixed
@given(st.binary(max_size=100), values)
def test_any_bytes_and_any_values_are_landmarks_or_refused(tmp_path_factory: Any, content: bytes, value: Any) -> None:
    import pickle

    path = tmp_path_factory.getbasetemp() / "land_marks.npy"
    for body in (content, npy(content, (1, 2)), npy(pickle.dumps(["a.jpg", value]), (1, 2))):
        path.write_bytes(body)
        refused_or_read(lambda: read_landmarks(path))


@fixed
@given(st.lists(st.sampled_from([bytes((code,)) for code in range(256)]), max_size=30))
def test_any_instructions_are_a_pickle_or_refused(codes: list[bytes]) -> None:
    import io

    refused_or_read(lambda: read_inert(io.BytesIO(b"".join(codes) + b".")))


@fixed
@given(st.lists(st.lists(cells, min_size=3, max_size=8), min_size=1, max_size=4), st.booleans())
def test_any_csv_is_a_raw_set_or_refused(tmp_path_factory: Any, rows: list[list[str]], with_header: bool) -> None:
    root = tmp_path_factory.getbasetemp() / "raw_csv"
    shutil.rmtree(root, ignore_errors=True)
    head = ["path,label,split,x0,y0,x1,y1,subject"] if with_header else []
    text(root / "list.csv", "\n".join([*head, *(",".join(json.dumps(cell) for cell in row) for row in rows)]))
    refused_or_read(lambda: open_source(root, "csv"))


LISTS = {
    "rafdb": "EmoLabel/list_patition_label.txt",
    "expw": "label/label.lst",
    "fer2013": "fer2013.csv",
    "ferplus": "fer2013new.csv",
    "affectnet-8": "training.csv",
    "ckplus": "Emotion/a/b/c_emotion.txt",
}


@pytest.mark.parametrize("layout", LISTS)
def test_any_text_is_a_list_of_a_data_set_or_refused(layout: str, tmp_path: Path) -> None:
    for folder in ("Image/aligned", "image/origin", "cohn-kanade-images"):
        (tmp_path / folder).mkdir(parents=True)

    @fixed
    @given(st.lists(st.lists(cells, min_size=1, max_size=9), max_size=4), st.sampled_from([" ", ",", "\t"]))
    def hold(rows: list[list[str]], separator: str) -> None:
        text(tmp_path / LISTS[layout], "\n".join(separator.join(row) for row in rows))
        refused_or_read(lambda: open_source(tmp_path, layout))

    hold()


@settings(fixed, max_examples=8)  # each writes two networks
@given(st.sampled_from(FIELDS), values)
def test_any_value_of_a_field_makes_a_checkpoint_or_is_refused(checkpoint: Path, field: str, value: Any) -> None:
    for suffix in (".pt", ".safetensors"):
        changed = checkpoint.with_name(f"changed{suffix}")
        write(changed, set_field(load(checkpoint), field, value))
        refused_or_read(lambda path=changed: load_checkpoint(path))


@fixed
@given(st.binary(max_size=60), values)
def test_any_bytes_are_a_checkpoint_or_refused(tmp_path_factory: Any, content: bytes, value: Any) -> None:
    import pickle

    folder = tmp_path_factory.getbasetemp()
    (folder / "a.pt").write_bytes(torch_zip(b"\x80\x02" + content + b"."))
    (folder / "b.pt").write_bytes(torch_zip(pickle.dumps(value, protocol=2)))
    (folder / "c.safetensors").write_bytes(safetensors_file(json.dumps({"__metadata__": value}).encode()))
    (folder / "d.safetensors").write_bytes(
        safetensors_file(json.dumps({"__metadata__": {"ampnet": json.dumps(value)}}).encode())
    )
    for name in ("a.pt", "b.pt", "c.safetensors", "d.safetensors"):
        refused_or_read(lambda name=name: load_checkpoint(folder / name))


@fixed
@given(values, st.dictionaries(st.sampled_from(["mean_landmarks", "crop", "color", "face_resolution"]), values))
def test_any_value_is_a_framing_or_refused(whole: Any, parts: dict[str, Any]) -> None:
    refused_or_read(lambda: Framing.from_dict(whole))
    refused_or_read(lambda: Framing.from_dict(Framing().to_dict() | parts))


@fixed
@given(values)
def test_any_json_is_a_prior_or_refused(tmp_path_factory: Any, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "prior.json"
    path.write_text(json.dumps(value))
    refused_or_read(lambda: read_prior(str(path)))
