"""The cache of assignments: read again only when there is something new to read."""

import pytest

from genlab.config import load_settings
from genlab.ingest import IngestOptions, load_masker, parse_records
from genlab.pipeline.assigned import AssignedCache
from genlab.pipeline.tables import batch_tables
from genlab.store import Store


def test_counts_follow_the_messages_and_the_rest_is_kept(
    fitted: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    components = fitted.rows("model_versions.active")[0]["components"]
    cache = AssignedCache(fitted, fresh_seconds=0.0)
    first = cache.get(1, components)
    assert cache.get(1, components) is first, "nothing came in: nothing is new to anyone"
    row = fitted.rows("patterns.all")[0]
    settings = load_settings().ingest
    batch = parse_records(
        [{"text": row["sample_text"]}],
        "later",
        IngestOptions(),
        settings,
        load_masker(settings),
        stream="once",
    )
    assert fitted.write("messages.ingest_batch", inputs=batch_tables(batch))["messages"] == 1
    reads: list[str] = []
    original = Store.read

    def counted(self, name, /, **params):
        reads.append(name)
        return original(self, name, **params)

    monkeypatch.setattr(Store, "read", counted)
    second = cache.get(1, components)
    assert second.message_counts[0] == first.message_counts[0] + 1
    assert second.responsibilities is first.responsibilities
    assert "assignments.map" not in reads
