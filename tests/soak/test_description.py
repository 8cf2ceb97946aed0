"""The service keeps to its own OpenAPI description, whatever is sent: requests that schemathesis makes from it."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.service.running import Running, running
from tests.small_checkpoint import small_checkpoint

schemathesis = pytest.importorskip("schemathesis")
pytestmark = [pytest.mark.slow, pytest.mark.soak]

EXAMPLES = 50
"""Requests for each operation."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    run = small_checkpoint(tmp_path_factory.mktemp("run"))
    options = ("--checkpoint", str(run), "--runtime", "torch", "--gpus", "0")
    with running(tmp_path_factory.mktemp("service"), *options) as started:
        yield started


@pytest.mark.filterwarnings("ignore")
def test_every_answer_is_one_that_the_description_has(service: Running) -> None:
    from schemathesis.specs.openapi import checks

    described = schemathesis.openapi.from_url(f"{service.address}openapi.json")
    for found in described.get_all_operations():
        kept_to = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))

        @kept_to
        @given(case=found.ok().as_strategy())
        def ask(case) -> None:
            answer = case.call()
            assert answer.status_code != 500
            case.validate_response(
                answer,
                checks=[
                    checks.status_code_conformance,
                    checks.content_type_conformance,
                    checks.response_schema_conformance,
                ],
            )

        ask()
