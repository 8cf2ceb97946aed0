"""`ampnet audit`: planted wrong labels come first, corrections come back as votes, doubtful photos come first."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ampnet.dataset.index.faces_table import FaceRow, write_faces
from ampnet.dataset.index.folds import Folds, write_folds
from ampnet.dataset.open_index import read_index
from ampnet.dataset.sources import open_source
from ampnet.media.images import encode_jpeg
from ampnet.settings import ConvertConfig
from cli import app
from pipelines.convert import run as convert
from tests.prepared_faces import SAMPLES, write_prepared_faces
from tests.small_checkpoint import small_checkpoint


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared_faces(tmp_path_factory.mktemp("faces"), train=2, val=1, test=2)


def audit(*words):
    return CliRunner().invoke(app, ["audit", *map(str, words), "-q"])


def rows(folder):
    with (folder / "audit.csv").open() as file:
        return list(csv.DictReader(file))


def test_planted_wrong_labels_are_the_first_names(data, tmp_path):
    """A judge who is 0.8 sure of the truth; two of the 35 labels say something else."""
    index = read_index(data)
    planted = {4: 0.95, 20: 0.9}
    lines = [f"name,{','.join('p_' + name for name in index.class_names)}"]
    for row, (name, label) in enumerate(zip(index.names, index.labels.tolist(), strict=True)):
        p = np.full(7, 0.2 / 6)
        p[label] = 0.8
        if row in planted:
            p = np.full(7, (1 - planted[row]) / 6)
            p[(label + 1) % 7] = planted[row]
        lines.append(f"{name},{','.join(map(str, p.tolist()))}")
    judge = tmp_path / "judge.csv"
    judge.write_text("\n".join(lines) + "\n")
    out = tmp_path / "out"
    result = audit("--data", data, "--predictions", judge, "--out", out)
    assert result.exit_code == 0, result.stderr
    told = "2 of 35 labels are probably wrong (5.7%), by a network that agrees with 94.3% of all labels"  # 33 of 35
    assert told in " ".join(result.stdout.split())
    assert "not learned enough" not in result.stdout
    found = rows(out)
    assert [row["name"] for row in found[:2]] == [index.names[4], index.names[20]]
    assert [row["suspect"] for row in found[:3]] == ["yes", "yes", ""]
    assert found[0]["suggested"] == index.class_names[(index.labels[4] + 1) % 7]
    task = json.loads((out / "label_studio.json").read_text())[0]
    assert task["data"]["image"] == f"/data/local-files/?d=dataset/{index.names[4]}"
    assert task["predictions"][0]["result"][0]["value"] == {"choices": [found[0]["suggested"]]}
    assert (out / "audit.png").stat().st_size > 1000
    again = audit("--data", data, "--predictions", judge, "--out", out)
    assert again.exit_code == 2
    assert "--force" in again.stderr


def test_a_network_at_chance_is_said_to_know_nothing(data, tmp_path):
    index = read_index(data)
    guesses = np.random.default_rng(0).dirichlet(np.ones(7), len(index.names))
    lines = [f"name,{','.join('p_' + name for name in index.class_names)}"]
    lines += [f"{name},{','.join(map(str, p))}" for name, p in zip(index.names, guesses.tolist(), strict=True)]
    (tmp_path / "judge.csv").write_text("\n".join(lines) + "\n")
    result = audit("--data", data, "--predictions", tmp_path / "judge.csv", "--out", tmp_path / "out")
    assert (
        "not clearly better than always naming the most frequent class (14.3%): it has not learned enough"
        in result.stdout
    )


def test_of_a_set_in_shards_it_is_said_that_label_studio_finds_no_pictures(data, tmp_path):
    pytest.importorskip("pyarrow")
    convert(ConvertConfig(data=data, to="shards", out=tmp_path / "shards"), quiet=True)
    names = read_index(data).names
    (tmp_path / "judge.csv").write_text("name,p_fear,p_anger\n" + "".join(f"{name},0.9,0.1\n" for name in names))
    for root, is_told in ((data, False), (tmp_path / "shards", True)):
        out = tmp_path / f"{root.name}-lists"
        done = audit("--data", root, "--predictions", tmp_path / "judge.csv", "--out", out)
        assert ("Label Studio cannot show pictures in shards" in done.stdout) == is_told


def test_answers_about_images_without_a_prepared_face_are_left_out(tmp_path):
    data = write_prepared_faces(tmp_path / "data", train=2, val=1, test=2)
    index = read_index(data)
    rows_of = [FaceRow(name, f"raw/{name}", "test", "fear", "detected") for name in index.names]
    lost = FaceRow("", "raw/lost.jpg", "test", "fear", "rejected", "no face", width=50, height=50)
    write_faces(data / "index" / "faces.csv", [*rows_of, lost])
    judge = tmp_path / "judge.csv"
    judge.write_text("name,p_fear,p_anger\n" + "".join(f"{name},0.9,0.1\n" for name in [*index.names, "lost.jpg"]))
    result = audit("--data", data, "--predictions", judge, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "left out: 1 image without a prepared face" in result.stdout
    assert sorted(row["name"] for row in rows(tmp_path / "out")) == sorted(index.names)


@pytest.mark.parametrize("column", ["answer", "expression"])
def test_corrections_come_back_as_votes(tmp_path, column):
    raw = tmp_path / "raw"
    for name in ("happy/1.jpg", "happy/2.jpg", "fear/3.jpg"):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(encode_jpeg(np.zeros((8, 8, 3), dtype=np.uint8)))
    answers = tmp_path / "answers.csv"
    answers.write_text(f"rank,source,{column}\n1,happy/1.jpg,fear\n2,fear/3.jpg,\n3,happy/2.jpg,no_face\n")
    source = open_source(raw, votes=answers)
    assert source.vote_columns == ("fear", "happiness", "no_face")
    votes = {item.relative: item.votes for item in source.items}
    assert votes == {"happy/1.jpg": (3.0, 0, 0), "happy/2.jpg": (0, 0, 3.0), "fear/3.jpg": ()}
    answers.write_text(f"rank,source,{column}\n1,happy/1.jpg,grumpy\n")
    with pytest.raises(Exception, match="line 2: grumpy is none of fear, happiness"):
        open_source(raw, votes=answers)


@pytest.mark.slow
def test_photos_to_label_next_are_those_with_the_smallest_gap(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for file in sorted((SAMPLES / "faces").rglob("*.jpg"))[:4]:
        shutil.copy(file, photos)
    (photos / "none.png").write_bytes(b"")
    result = audit("--unlabelled", photos, "--out", tmp_path / "out", "--gpus", "0", "--json")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("ampnet: cannot read ")
    assert "none.png" in line
    found = rows(tmp_path / "out")
    margins = [float(row["margin"]) for row in found]
    assert margins == sorted(margins)
    assert {row["label"] for row in found} == {""}
    assert Path(found[0]["source"]).parent == photos
    assert json.loads(result.stdout)["notes"] == []


@pytest.mark.filterwarnings("ignore:not read in")
def test_the_sheet_of_an_earlier_audit_is_no_photo_to_label(tmp_path):
    for file in sorted((SAMPLES / "faces").rglob("*.jpg"))[:2]:
        shutil.copy(file, tmp_path)
    for force in ([], ["--force"]):
        assert audit("--unlabelled", tmp_path, "--out", tmp_path / "audit", "--gpus", "0", *force).exit_code == 0
        assert len(rows(tmp_path / "audit")) == 2
    assert (tmp_path / "audit" / "audit.png").exists()


def test_what_cannot_be_audited_or_does_not_go_together_is_refused_in_one_line(data, tmp_path):
    (tmp_path / "run" / "seed1").mkdir(parents=True)
    (tmp_path / "run" / "seed1" / "best.pt").write_bytes(b"")
    (tmp_path / "folds" / "fold1").mkdir(parents=True)
    (tmp_path / "folds" / "fold1" / "best.pt").write_bytes(b"")
    answers = tmp_path / "answers.csv"
    answers.write_text(f"name,predicted\n{read_index(data).names[0]},fear\n")
    for words, says in [
        ([tmp_path / "run"], "holds runs over seeds"),
        (["--predictions", answers], "no probabilities"),
        (["--predictions", answers, "--split", "test"], "--predictions judges every image"),
        ([tmp_path / "folds", "--split", "test"], "holds folds, which judge every image; leave out --split"),
        (["--unlabelled", tmp_path], "--unlabelled ranks photos; leave out --data and --split"),
    ]:
        result = audit(*words, "--data", data, "--out", tmp_path / "out")
        assert result.exit_code in (1, 2)
        assert says in result.stderr
        assert result.stderr.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_to_is_told_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    result = audit("--unlabelled", tmp_path, "--out", tmp_path / "file" / "lists")
    assert result.exit_code == 1
    assert result.stderr == f"ampnet: cannot write to {tmp_path / 'file' / 'lists'}; choose another place with --out\n"


def test_images_that_cannot_be_read_any_more_are_named_and_the_others_judged(tmp_path):
    data = write_prepared_faces(tmp_path / "faces", train=0, val=1, test=1)
    names = read_index(data).names
    (data / "dataset" / names[3]).write_bytes(b"no picture")
    result = audit(small_checkpoint(tmp_path / "run"), "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"ampnet: cannot read {names[3]}: ")
    assert result.stderr.endswith("; run prepare again\n")
    assert sorted(row["name"] for row in rows(tmp_path / "out")) == sorted({*names} - {names[3]})


def test_several_seeds_of_folds_judge_each_label_once_by_their_mean(data, tmp_path):
    index, runs = read_index(data), tmp_path / "runs"
    for seed in (1, 2):
        for fold in (1, 2):
            logits = (2.0, 0, 0, 0, 0, 0, 0) if seed == 1 else (0, 2.0, 0, 0, 0, 0, 0)
            small_checkpoint(runs / f"seed{seed}-fold{fold}", logits=logits, config={"seed": seed, "fold": fold})
    numbers = np.arange(len(index)) % 2 + 1
    write_folds(runs / "folds.csv", index.names, Folds(numbers, [""] * len(index)))
    result = audit(runs, "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    found = rows(tmp_path / "out")
    assert sorted(row["name"] for row in found) == sorted(index.names)
    of_first = {row["p_label"] for row in found if row["label"] == index.class_names[0]}
    assert of_first == {f"{(np.e**2 + 1) / (np.e**2 + 6) / 2:.4f}"}
