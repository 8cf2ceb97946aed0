"""A predictor works in threads and in a forked child, and pickled and copied ones answer alike."""

import copy
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ampnet.recognition.predictor import Predictor
from tests.small_checkpoint import small_checkpoint

PORTRAIT = Path(__file__).parents[1] / "samples" / "portrait.jpg"
PATIENCE = 600
"""Seconds, for a busy machine; a child that hangs would wait for ever."""

FORKING = """
import multiprocessing, sys
from ampnet import Predictor
predictor = Predictor(sys.argv[1])
predictor.predict_many([sys.argv[2]] * 3)
fork = multiprocessing.get_context("fork")
child = fork.Process(target=lambda: print("child", len(predictor.predict(sys.argv[2])), flush=True))
child.start()
child.join()
with fork.Pool(1) as pool:
    print("pool", [len(found) for found in pool.map(predictor.predict, [sys.argv[2]] * 2)])
print("parent", len(predictor.predict(sys.argv[2])))
"""


@pytest.mark.slow
def test_a_forked_child_answers_as_its_parent_does(tmp_path):
    network = small_checkpoint(tmp_path)
    command = [sys.executable, "-c", FORKING, str(network), str(PORTRAIT)]
    two_threads = {**os.environ, "OMP_NUM_THREADS": "2"}  # with one, there are no threads to wait for
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=two_threads, check=False)
    assert done.stdout.splitlines() == ["child 1", "pool [1, 1]", "parent 1"], done.stderr


def test_one_predictor_asked_from_several_threads_answers_as_from_one(tmp_path):
    predictor = Predictor(small_checkpoint(tmp_path))
    with Image.open(PORTRAIT) as portrait:
        photos = [np.asarray(portrait.resize((side, side))) for side in range(160, 400, 30)]
    expected = [predictor.predict(photo).to_dict()["faces"] for photo in photos]
    assert len({str(faces) for faces in expected}) == len(photos)  # so that mixed-up answers would show
    with ThreadPoolExecutor(4) as threads:
        assert [found.to_dict()["faces"] for found in threads.map(predictor.predict, photos)] == expected


def test_pickled_and_copied_predictors_answer_alike(tmp_path):
    predictor = Predictor(small_checkpoint(tmp_path), face="largest", min_face=20, batch_size=3)
    predictor.score_threshold, predictor.rejection_threshold = 0.6, 1.0
    expected = predictor.predict(PORTRAIT)
    for again in (pickle.loads(pickle.dumps(predictor)), copy.deepcopy(predictor)):
        assert (again.face, again.min_face, again.batch_size) == ("largest", 20, 3)
        found = again.predict(PORTRAIT)
        assert found.to_dict() == expected.to_dict()


def test_a_pickled_result_keeps_its_answers_and_its_photo(tmp_path):
    expected = Predictor(small_checkpoint(tmp_path)).predict(PORTRAIT)
    for again in (pickle.loads(pickle.dumps(expected)), copy.deepcopy(expected)):
        assert again.to_dict() == expected.to_dict()
        assert (again.plot() == expected.plot()).all()
