"""The throughput bench measures what it says; how fast is for its table, not for a test."""

import pytest

from genlab.bench.throughput import _varied, throughput
from genlab.config import load_settings


def test_varied_lines_keep_their_words_and_differ_in_numbers() -> None:
    lines = [
        "2026-01-01 00:00:00 INFO  request 123456 took 20 ms",
        "no numbers here at all, really",
    ]
    many = list(_varied(lines, 10))
    assert many[:2] == lines
    assert len(set(many[::2])) == 5
    assert {line[:26] for line in many[::2]} == {lines[0][:26]}
    assert {"".join(c for c in line if not c.isdigit()) for line in many[::2]} == {
        "".join(c for c in lines[0] if not c.isdigit())
    }


@pytest.mark.slow
def test_every_row_counts_what_was_really_done() -> None:
    found = throughput(load_settings(), None, lines=2000, encode_lines=200, say=lambda text: None)
    rows = {row["how"].split(":")[0].split(",")[0]: row for row in found["rows"]}
    ingested = found["rows"][0]
    assert ingested["stored"] == ingested["count"] == 2000
    assert 0 < ingested["groups"] <= 2000
    assert any("drain3" in how for how in rows)
    assert [row["stage"] for row in found["rows"]] == [
        "ingest",
        "ingest",
        "embed",
        "embed",
        "embed",
        "train",
        "score",
    ]
    assert all(row["per_second"] == row["count"] / row["seconds"] for row in found["rows"])
