"""Joining a cluster."""

import pytest

pytest.importorskip("ray")

from ampnet.cluster.actors import ray_cluster
from ampnet.errors import ProcessError

pytestmark = pytest.mark.slow  # Ray is imported


def test_an_address_at_which_nobody_answers_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ProcessError, match=r"^cannot join the Ray cluster at 127\.0\.0\.1:1: Connection refused$"):
        ray_cluster(1, 0).__enter__()
