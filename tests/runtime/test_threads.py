"""Work in threads: in order, bounded, and over when the block is left."""

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import cv2
import pytest
import torch

from ampnet.runtime.threads import in_order, start_threads

PATIENCE = 600


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_results_come_in_the_items_order_though_the_first_is_the_last_to_be_done(pool):
    second_is_done = threading.Event()

    def double(number):
        if number == 0:
            assert second_is_done.wait(PATIENCE)
        elif number == 1:
            second_is_done.set()
        return 2 * number

    assert list(in_order(double, range(5), pool, ahead=2)) == [(n, 2 * n) for n in range(5)]


@pytest.mark.parametrize("ahead", [1, 3])
def test_only_so_many_items_are_begun_before_their_results_are_asked_for(pool, ahead):
    begun = []

    def numbers():
        for number in range(10):
            begun.append(number)
            yield number

    results = in_order(str, numbers(), pool, ahead)
    assert next(results) == (0, "0")
    assert begun == list(range(ahead))
    assert next(results) == (1, "1")
    assert begun == list(range(ahead + 1))


def test_a_failure_is_raised_in_its_place(pool):
    results = in_order(lambda number: 6 // number, [3, 2, 0, 1], pool, ahead=3)
    assert [next(results), next(results)] == [(3, 2), (2, 3)]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_what_has_not_begun_is_dropped_when_the_results_are_no_longer_wanted():
    done, may_go_on = [], threading.Event()

    def note(number):
        assert number == 0 or may_go_on.wait(PATIENCE)
        done.append(number)

    with start_threads(cores=1, parallel=1) as threads:
        results = in_order(note, range(9), threads.networks, ahead=6)
        next(results)
        cast(Generator[Any], results).close()
        may_go_on.set()
    assert len(done) <= 2  # the second may have begun


@pytest.fixture
def _several_threads_of_images():
    usual = cv2.getNumThreads()
    cv2.setNumThreads(2)
    yield
    cv2.setNumThreads(usual)


@pytest.mark.usefixtures("_several_threads_of_images")
def test_the_cores_are_divided_among_the_networks_and_given_back():
    usual, usual_of_images = torch.get_num_threads(), cv2.getNumThreads()
    with start_threads(cores=6, parallel=2) as threads:
        (number,) = threads.networks.map(lambda _: torch.get_num_threads(), [0])
        assert (number, cv2.getNumThreads()) == (3, 1)
    assert (torch.get_num_threads(), cv2.getNumThreads()) == (usual, usual_of_images)
    with start_threads(cores=6, parallel=1):
        assert torch.get_num_threads() == usual
