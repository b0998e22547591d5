"""The road that dashboard/README.md tells, walked."""

from pathlib import Path

import pytest
from tell_the_road import DECISIONS, GOAL, road

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.timeout(1_200)
def test_40_decisions_settle_95_percent_of_ten_systems(
    chromium, loghub: Path, tmp_path: Path
) -> None:
    with road(chromium, tmp_path / "workspace", loghub) as walked:
        steps = walked.walk(print)
    last = steps[-1].score
    assert last.messages == 6_000
    assert len(steps) <= DECISIONS
    assert last.right >= GOAL * last.messages
    assert last.right <= last.known <= last.messages
    given = sum(step.patterns for step in steps)
    assert 450 <= walked.patterns <= 600
    assert given < walked.patterns  # the rest followed
