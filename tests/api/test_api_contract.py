"""The API against its own description: Schemathesis makes requests that fit it and that do not."""

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from synthetic_desk import fill

from dashboard.api import PREFIX, mount
from dashboard.state import Desk
from genlab.config import Settings
from genlab.pipeline.tokens import add_token
from genlab.store import Store

pytestmark = pytest.mark.slow

# They ask other processes, and rightly answer 503 where none runs.
ELSEWHERE = ["/predictions", "/scoring"]


def test_every_operation_keeps_to_the_description(store: Store, roomy: Settings) -> None:
    fill(store, 60, 3, 6)
    server = Flask("desk")
    mount(server, Desk(store.workspace, roomy, store))
    token = add_token(store, "all", "admin")
    document = schemathesis.openapi.from_wsgi(PREFIX + "/openapi.json", server)
    seen = []
    for found in document.exclude(path=ELSEWHERE).get_all_operations():
        operation = found.ok()
        seen.append(operation.label)

        @settings(
            max_examples=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=True,
        )
        @given(case=operation.as_strategy())
        def keeps(case: schemathesis.Case) -> None:
            case.call_and_validate(
                headers={"Authorization": f"Bearer {token}"},
                # A cursor out of nowhere and a mute without an end fit the schema, and are refused.
                excluded_checks=[positive_data_acceptance],
            )

        keeps()
    assert len(seen) == 20
