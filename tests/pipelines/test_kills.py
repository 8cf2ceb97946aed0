"""What happens to commands that meet in one folder, as real processes."""

import json
from pathlib import Path

import pytest

from ampnet.dataset.open_index import read_index
from ampnet.files.lock import LOCK_FILE
from tests.processes import ROOT, Command

pytestmark = pytest.mark.slow

SAMPLES = ROOT / "tests" / "samples" / "faces" / "train"


def test_of_two_preparations_that_start_together_exactly_one_wins_and_the_index_is_all_its_own(tmp_path: Path) -> None:
    classes = ({"anger", "fear"}, {"happiness", "sadness"})
    processes = []
    for number, names in enumerate(classes):
        for name in names:
            folder = tmp_path / str(number) / "raw" / name
            folder.mkdir(parents=True)
            for face in sorted((SAMPLES / name).glob("*.jpg"))[:8]:
                (folder / face.name).symlink_to(face)
        command = ["prepare", folder.parent, "--out", tmp_path / "out", "--gpus", "0", "--no-check", "--quiet"]
        processes.append(Command(*command))
    told = [process.communicate()[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert codes.count(0) == 1
    winner = codes.index(0)
    assert "is in use by another ampnet command (process" in told[1 - winner] or (
        "already holds an index" in told[1 - winner]  # where the winner had ended before the other came so far
    )
    assert len(told[1 - winner].splitlines()) == 1
    index = read_index(tmp_path / "out")
    assert set(index.class_names) == classes[winner]
    assert len(index) == len(list((tmp_path / "out" / "dataset").iterdir())) == 16
    meta = json.loads((tmp_path / "out" / "index" / "meta.json").read_text())
    assert meta["raw_dir"] == str(tmp_path / str(winner) / "raw")
    assert (tmp_path / "out" / "index" / LOCK_FILE).read_bytes() == b""
