"""Results replace only results about the same subject, and a folder's name is free or theirs."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from ampnet.errors import DataError, LockedError, UsageError
from ampnet.files.lock import lock_folder
from pipelines.progress import notices
from pipelines.result_folder import ResultFolder, free_folder, refuse_others

OURS = {"found.json": {"about": {"data": "faces", "split": "test"}}}


def write(folder: Path, document: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "found.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"about": {"data": "other", "split": "test"}}, "data other"),
        ({"about": {"data": "faces", "split": "val"}}, "split val"),
        ({"about": {"data": "faces"}}, "split None"),
        ({"about": "faces"}, "data None, split None"),
        ([1], "another file"),
    ],
)
def test_results_about_something_else_are_refused_and_named(tmp_path, document, reason):
    write(tmp_path, document)
    with pytest.raises(UsageError, match=rf"found.json holds other results \({reason}\); .* --out, or .* --force"):
        refuse_others(tmp_path, OURS)


def test_results_about_the_same_subject_are_replaced_whatever_else_they_hold(tmp_path):
    write(tmp_path, {"about": {"data": "faces", "split": "test", "created": "today"}, "accuracy": 0.5})
    refuse_others(tmp_path, OURS)


def test_with_force_anything_is_replaced(tmp_path):
    write(tmp_path, {"about": {}})
    ResultFolder(tmp_path, True, "results", OURS, force=True)
    with pytest.raises(UsageError):
        ResultFolder(tmp_path, True, "results", OURS)


def test_the_first_free_name_is_chosen_or_the_one_that_holds_ours(tmp_path):
    root = tmp_path / "eval"
    root.mkdir()
    assert free_folder(root, ("test", "test-faces"), OURS).name == "test"
    write(root / "test", {"about": {"data": "other", "split": "test"}})
    assert free_folder(root, ("test", "test-faces"), OURS).name == "test-faces"
    write(root / "test", {"about": {"data": "faces", "split": "test"}})
    assert free_folder(root, ("test", "test-faces"), OURS).name == "test"


def test_a_chosen_folder_does_not_lead_elsewhere_by_a_link(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "eval").symlink_to(tmp_path)
    with pytest.raises(DataError, match="leads out of"):
        free_folder(tmp_path / "data" / "eval", ("test",), OURS)


def test_a_reserved_folder_is_locked_until_the_end(tmp_path):
    with ExitStack() as held:
        ResultFolder(tmp_path / "new", True, "results").reserve(held, notices(quiet=True))
        with pytest.raises(LockedError), lock_folder(tmp_path / "new"):
            pass
    with lock_folder(tmp_path / "new") as warning:
        assert not warning


def test_a_file_that_cannot_be_written_is_a_problem_and_ends_the_others(tmp_path):
    folder = ResultFolder(tmp_path, True, "results")
    written: list[object] = []

    def fail(_: Path) -> None:
        raise DataError("the disk is full")

    folder.write(fail)
    folder.write(written.append)
    assert (folder.problem, written) == ("the disk is full", [])
