"""The queue, its budget, and decisions that end by themselves, on real tables."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from helpers import MESSAGE, PATTERN, POSITION, REJECTED
from synthetic_desk import fill

from genlab.errors import InputError
from genlab.pipeline.assigned import load_assigned
from genlab.pipeline.budget import within_budget
from genlab.pipeline.review import (
    Decision,
    annotate,
    decide,
    flag_queue,
    parse_mute,
    strangers,
    take_back,
)
from genlab.pipeline.tables import strings
from genlab.store import Store

NOW = datetime(2026, 5, 1, 12)


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("3h", Decision("muted", NOW + timedelta(hours=3))),
        (" 1d ", Decision("muted", NOW + timedelta(days=1))),
        ("90min", Decision("muted", NOW + timedelta(minutes=90))),
        ("0.5 w", Decision("muted", NOW + timedelta(days=3.5))),
        ("50/h", Decision("muted", None, 50.0)),
        ("2d 50/h", Decision("muted", NOW + timedelta(days=2), 50.0)),
        ("2026-06-01", Decision("muted", datetime(2026, 6, 1))),
        ("2026-06-01T10:00+02:00", Decision("muted", datetime(2026, 6, 1, 8))),
    ],
)
def test_mutes_as_people_write_them(text: str, decision: Decision) -> None:
    assert parse_mute(text, NOW) == decision


@pytest.mark.parametrize(
    "text", ["", "soon", "0h", "2020-01-01", "5", "-3h", "50/day", "999999999999w", "\x00"]
)
def test_a_mute_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected"):
        parse_mute(text, NOW)


def test_the_budget_of_each_day_goes_to_the_strangest() -> None:
    rng = np.random.default_rng(2)
    days = rng.integers(0, 6, 200).astype("datetime64[D]")
    above = within_budget(days, 7.9)
    seen: Counter = Counter()
    for day, within in zip(days, above, strict=True):  # one after the other, strangest first
        seen[day] += 1
        assert within == (seen[day] <= 7)
    assert within_budget(days, 0).sum() == 0
    assert within_budget(np.zeros(0, "datetime64[D]"), 5).tolist() == []


def send(store: Store, pattern: str, times: list[datetime], start: int) -> None:
    """Messages of one pattern, by the clock of their sender."""
    n = len(times)
    messages = {
        "message_id": [f"late-{start + i}" for i in range(n)],
        "source": ["s"] * n,
        "device": ["d"] * n,
        "severity": pa.nulls(n, pa.string()),
        "occurred_at": times,
        "text": [pattern] * n,
        "pattern_id": [pattern] * n,
        "attributes": pa.nulls(n, pa.string()),
    }
    store.write(
        "messages.ingest_batch",
        inputs={
            "in_messages": pa.table(messages, schema=MESSAGE),
            "in_patterns": pa.table(
                {name: [pattern] for name in ("pattern_id", "canonical_text", "sample_text")},
                schema=PATTERN,
            ),
            "in_rejected": REJECTED.empty_table(),
            "in_position": POSITION.empty_table(),
        },
    )


def state(store: Store, pattern: str) -> tuple[str, str | None]:
    rows = {row["pattern_id"]: row for row in store.rows("review.decided")}
    return (rows[pattern]["state"], rows[pattern]["back"]) if pattern in rows else ("new", None)


def test_a_mute_by_rate_ends_when_one_hour_is_louder(store: Store) -> None:
    start = datetime(2026, 3, 1)
    send(store, "p", [start + timedelta(minutes=i) for i in range(50)], 0)  # loud before the mute
    decide(store, ["p"], Decision("muted", None, 5.0), "too chatty", "ann")
    assert state(store, "p") == ("muted", None)
    later = start + timedelta(days=1)
    send(store, "p", [later + timedelta(minutes=15 * i) for i in range(20)], 100)  # 5 an hour
    assert state(store, "p") == ("muted", None)
    burst = start + timedelta(days=2, minutes=50)  # six within an hour, not within one clock hour
    send(store, "p", [burst + timedelta(minutes=4 * i) for i in range(6)], 200)
    assert state(store, "p") == ("ongoing", "louder")
    decide(store, ["p"], Decision("muted", None, 5.0), "", "ann")  # from here on, it counts anew
    assert state(store, "p") == ("muted", None)


def test_a_mute_ends_by_whichever_comes_first(store: Store) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    for pattern in ("a", "b"):
        send(store, pattern, [NOW], ord(pattern))
    decide(store, ["a"], Decision("muted", now - timedelta(seconds=1), 100.0), "", "ann")
    decide(store, ["b"], Decision("muted", now + timedelta(days=1), 100.0), "", "ann")
    assert state(store, "a") == ("ongoing", "time")
    assert state(store, "b") == ("muted", None)


def test_a_decision_is_taken_back_and_put_back(store: Store) -> None:
    for pattern in ("a", "b"):
        send(store, pattern, [NOW], ord(pattern))
    decide(store, ["a"], Decision("ongoing"), "anna looks", "anna")
    first = store.rows("review.decided")
    before = decide(store, ["a", "b"], Decision("resolved"), "", "ben")
    assert state(store, "b")[0] == "resolved"
    after = store.read("review.stored", pattern_ids=["a", "b"])
    take_back(store, ["a", "b"], before)
    assert store.rows("review.decided") == first  # who, when and the note too
    take_back(store, ["a", "b"], after)
    assert {state(store, p)[0] for p in "ab"} == {"resolved"}


def test_a_note_leaves_every_state_as_it_is(store: Store) -> None:
    for pattern in ("muted", "resolved", "new"):
        send(store, pattern, [NOW], ord(pattern[0]))
    until = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    decide(store, ["muted"], Decision("muted", until, 5.0), "", "ann")
    decide(store, ["resolved"], Decision("resolved"), "", "ann")
    before = {row["pattern_id"]: row for row in store.rows("review.decided")}
    answered = annotate(store, ["muted", "resolved", "new"], "look", "ben")
    after = {row["pattern_id"]: row for row in store.rows("review.decided")}
    for pattern, row in before.items():
        assert after[pattern] == row | {"note": "look", "annotator": "ben"}
    assert (after["new"]["state"], after["new"]["note"]) == ("ongoing", "look")
    decide(store, ["new"], Decision("resolved"), "", "cleo")  # no word on why: the note stays
    assert store.rows("review.stored", pattern_ids=["new"])[0]["note"] == "look"
    take_back(store, ["muted", "resolved", "new"], answered)
    assert {row["pattern_id"]: row for row in store.rows("review.decided")} == before


def test_strangers_stand_by_likeness_and_named_ones_keep_their_share_of_the_budget(
    store: Store,
) -> None:
    """Components of the synthetic desk hold one kind; told that all strangers are of one component,
    the queue finds the kinds by their embeddings."""
    kind = fill(store, 120, 6, 12)
    assigned = load_assigned(store, 1, 12)
    strange = kind < 3
    columns = [[0] * 4 if s else list(range(4)) for s in strange]
    table = assigned.table.set_column(
        assigned.table.column_names.index("components"),
        "components",
        pa.array(columns, pa.list_(pa.int32())),
    )
    novelty_p = np.where(strange, 0.01 + kind / 1000, 0.5)
    assigned = assigned._replace(novelty_p=novelty_p, table=table)
    verdict = np.where(strange, "novel", np.where(kind == 5, "between", "unnamed"))
    given = np.full(120, -1)
    given[kind == 1] = 0  # a person has named kind 1
    verdict[kind == 1] = "known"
    found = strangers(assigned, 0.05)
    queue = flag_queue(assigned, found, given, verdict, np.full(120, 0.5), 2.0)
    novel = [group for group in queue.groups if group.verdict == "novel"]
    assert [set(kind[group.rows]) for group in novel] == [{0}, {2}]
    assert [len(group.rows) for group in novel] == [20, 20]
    assert [group.above for group in novel] == [True, False]  # kind 1 took the second flag
    assert (queue.raised, queue.used, queue.left_out) == (3, 2, 0)
    others = [group for group in queue.groups if group.verdict != "novel"]
    assert sum(len(group.rows) for group in others) == 60
    assert [group.verdict for group in others] == sorted(
        (group.verdict for group in others), reverse=True
    )
    assert set(strings(assigned.table["pattern_id"])[np.concatenate([g.rows for g in others])]) == {
        assigned.pattern_ids[i] for i in np.flatnonzero(kind >= 3)
    }
