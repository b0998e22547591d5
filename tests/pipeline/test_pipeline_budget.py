"""The false-alarm budget, against messages counted by hand."""

from datetime import datetime, timedelta

import pytest

from genlab.config import load_settings
from genlab.ingest import IngestOptions, load_masker, parse_records
from genlab.pipeline.budget import DAYS, flag_budget
from genlab.pipeline.tables import batch_tables
from genlab.store import Store

SETTINGS = load_settings()
NEWEST = datetime(2026, 3, 31, 12)


def come(store: Store, messages: list[tuple[str, datetime]]) -> None:
    records = [{"text": text, "time": at.isoformat()} for text, at in messages]
    masker = load_masker(SETTINGS.ingest)
    batch = parse_records(
        records, "s", IngestOptions(time_field="time"), SETTINGS.ingest, masker, stream="once"
    )
    assert store.write("messages.ingest_batch", inputs=batch_tables(batch))["messages"] == len(
        messages
    )


def test_arrivals_are_distinct_texts_of_the_last_days(store: Store) -> None:
    """700 a week, each twice, one pattern or not; what is older does not count."""
    recent = [NEWEST - timedelta(minutes=14 * i) for i in range(700)]  # 6.8 days
    texts = [f"pump {i} lost pressure" for i in range(700)]
    old = [(f"valve {i} stuck", NEWEST - timedelta(days=30, minutes=i)) for i in range(300)]
    come(store, [*zip(texts, recent, strict=True), *zip(texts, recent, strict=True), *old])
    asked = SETTINGS.labelling.model_copy(update={"flags_per_day": 2.0, "novel_p": 0.05})
    found = flag_budget(store, asked)
    assert found.messages_per_day == pytest.approx(700 / DAYS)
    assert found.false_flags_per_day == pytest.approx(5.0)
    assert found.novel_p == pytest.approx(0.02)  # 2 of 100


def test_a_short_record_counts_as_one_day(store: Store) -> None:
    come(store, [(f"pump {word} stopped", NEWEST) for word in ("one", "two", "three")])
    assert flag_budget(store, SETTINGS.labelling).messages_per_day == 3.0


def test_without_messages_nothing_needs_a_budget(store: Store) -> None:
    assert flag_budget(store, SETTINGS.labelling)[:2] == (0.0, 0.0)
