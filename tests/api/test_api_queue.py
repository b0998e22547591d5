"""The queue, suggestions, versions and status over HTTP."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from conftest import PATTERNS, walk
from flask.testing import FlaskClient
from helpers import batch
from synthetic_desk import add_version

from genlab.config import Settings
from genlab.pipeline.labels import give_label
from genlab.pipeline.suggest import suggestions
from genlab.store import Store


def decide(client: FlaskClient, patterns: list[str], state: str, **more):
    return client.post("/queue/state", json={"pattern_ids": patterns, "state": state, **more})


def test_the_queue_holds_what_is_unknown_most_novel_first(
    client: FlaskClient, filled: Store
) -> None:
    items = walk(client, "/queue?limit=50")
    rows = filled.rows("review.queue", states=[], verdicts=[], limit=1000)
    assert {each["pattern_id"] for each in items} == {row["pattern_id"] for row in rows}
    assert len(items) == PATTERNS
    p = [each["novelty_p"] for each in items]
    assert p == sorted(p)


def test_pages_of_the_queue_neither_repeat_nor_hide(client: FlaskClient, filled: Store) -> None:
    whole = [each["pattern_id"] for each in walk(client, "/queue?limit=1000")]
    gone = [whole[10], whole[99], whole[200]]  # of the page shown (its last) and of later ones

    def meanwhile() -> None:
        give_label(filled, gone, "pump", "key", "ann")

    paged = [each["pattern_id"] for each in walk(client, "/queue?limit=100", meanwhile)]
    assert paged == [p for p in whole if p not in gone[2:]]


def test_states_and_filters(client: FlaskClient, filled: Store) -> None:
    a, b, c = (each["pattern_id"] for each in client.get("/queue?limit=3").json["items"])
    until = "2099-05-01T12:00:00+02:00"
    assert decide(client, [a, "none"], "muted", muted_until=until, note="<b>later").json == {
        "patterns": 1
    }
    assert decide(client, [b, c], "ongoing").json == {"patterns": 2}
    (muted,) = client.get("/queue?state=muted").json["items"]
    assert (muted["pattern_id"], muted["note"]) == (a, "<b>later")
    assert muted["muted_until"] == "2099-05-01T10:00:00Z"
    shown = client.get("/queue?state=ongoing&state=muted&limit=9").json["items"]
    assert {each["pattern_id"] for each in shown} == {a, b, c}
    assert client.get("/queue?verdict=novel").json["items"] == []
    assert len(walk(client, "/queue?verdict=novel&verdict=unnamed&limit=500")) == PATTERNS
    decide(client, [a, b, c], "new")
    assert client.get("/queue?state=ongoing&state=muted").json["items"] == []


def test_a_mute_by_rate_is_one_too(client: FlaskClient) -> None:
    (item,) = client.get("/queue?limit=1").json["items"]
    assert decide(client, [item["pattern_id"]], "muted", muted_rate=50).status_code == 200
    assert client.get("/queue?state=muted").json["items"][0]["muted_rate"] == 50


@pytest.mark.parametrize(
    "body",
    [
        {"pattern_ids": ["x"], "state": "muted"},
        {"pattern_ids": ["x"], "state": "ongoing", "muted_until": "2099-01-01T00:00:00Z"},
        {"pattern_ids": ["x"], "state": "regressed"},
        {"pattern_ids": [], "state": "new"},
        {"pattern_ids": ["x" * 65], "state": "new"},
        {"pattern_ids": ["x"], "state": "new", "extra": 1},
        {"pattern_ids": ["x"], "state": "muted", "muted_rate": -1},
        {"pattern_ids": ["x"], "state": "muted", "muted_until": "soon"},
        {"pattern_ids": ["x"], "state": "muted", "muted_until": "9999-12-31T23:59:59-23:00"},
    ],
)
def test_a_decision_that_is_none_is_refused(client: FlaskClient, body: dict) -> None:
    answer = client.post("/queue/state", json=body)
    assert answer.status_code == 422
    assert answer.json["errors"]


@pytest.mark.parametrize(
    "path",
    [
        "/queue?limit=1001", "/queue?limit=many", "/queue?state=lost", "/queue?nothing=1",
        "/queue?cursor=WzFd", "/queue?cursor=%00", "/queue?cursor=bm90IGpzb24=",
        "/labels/current?cursor=WyJhIl0=", "/versions?cursor=W1tbW1s=", "/labels/export?format=xls",
        "/suggestions?count=0", "/patterns/x%00y/labels",
    ],
)  # fmt: skip
def test_what_is_no_question_is_refused_in_words(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json["errors"][0]["detail"]


def test_suggestions_are_those_of_the_command(
    client: FlaskClient, filled: Store, roomy: Settings
) -> None:
    answer = client.get("/suggestions?count=4").json
    asked = suggestions(filled, roomy.labelling, 4)
    assert answer["questions"] == asked.questions
    assert answer["outlook"] == asked.outlook._asdict()


def add_versions(store: Store, seeds: tuple[int, ...]) -> list[str]:
    """Candidates; the ids of the patterns they scored."""
    rows = store.rows("patterns.all")
    ids = [row["pattern_id"] for row in rows]
    kind = np.array([int(row["canonical_text"].split()[1]) for row in rows])
    vectors = np.random.default_rng(5).normal(size=(len(rows), 16)).astype(np.float32)
    for seed in seeds:
        add_version(store, ids, kind, vectors, 12, seed)
    return ids


def test_versions_are_listed_promoted_and_rolled_back(client: FlaskClient, filled: Store) -> None:
    add_versions(filled, (1, 2))
    assert [v["version"] for v in walk(client, "/versions?limit=2")] == [3, 2, 1]
    assert client.get("/versions/active").json["version"] == 1
    assert client.post("/versions/promote", json={"version": 3}).json["version"] == 3
    assert filled.rows("model_versions.active")[0]["version"] == 3
    back = client.post("/versions/roll-back", json={})
    assert (back.json["version"], back.json["status"]) == (1, "active")
    assert datetime.fromisoformat(back.json["promoted_at"]).tzinfo is not None
    nothing = client.post("/versions/roll-back", json={})
    assert nothing.status_code == 409
    assert client.post("/versions/promote", json={"version": 99}).status_code == 404


def test_a_candidate_in_shadow_is_told_and_stopped(client: FlaskClient, filled: Store) -> None:
    add_versions(filled, (1,))
    assert client.get("/shadows").json == {"items": []}
    assert client.get("/shadows/2").status_code == 404
    begun = client.post("/shadows/start", json={"version": 2})
    assert (begun.status_code, begun.json["version"], begun.json["messages"]) == (200, 2, 0)
    texts = ["kind 1 wording 0", "kind 1 wording 0", "kind 2 wording 0"]
    id_of = {row["canonical_text"]: row["pattern_id"] for row in filled.rows("patterns.all")}
    again = batch(texts, start=5000)
    messages = again["in_messages"].drop_columns("pattern_id")
    again["in_messages"] = messages.append_column("pattern_id", pa.array(map(id_of.get, texts)))
    filled.write("messages.ingest_batch", again)
    told = client.get("/shadows/2").json
    assert (told["active"], told["messages"], told["waiting"]) == (1, 3, 0)
    assert told["agree"] == 3  # no label, both unnamed
    assert told["changes"] == []
    (day,) = told["days"]
    assert (day["messages"], day["agree"]) == (3, 3)
    (listed,) = client.get("/shadows").json["items"]
    assert listed == {name: told[name] for name in listed}
    assert client.post("/shadows/stop", json={"version": 2}).json == {"version": 2}
    for path in ("/shadows/stop", "/shadows/start"):
        assert client.post(path, json={"version": 9}).status_code == 404
    assert client.post("/shadows/stop", json={"version": 2}).status_code == 404
    refused = client.post("/shadows/start", json={"version": 1})
    assert refused.status_code == 422
    assert "version 1 is active" in refused.json["detail"]


def test_status_counts_what_is_stored(client: FlaskClient) -> None:
    found = client.get("/status").json
    assert (found["messages"], found["patterns"], found["sources"]) == (PATTERNS, PATTERNS, 3)
    assert found["active_version"] == 1
    assert found["verdicts"] == [{"verdict": "unnamed", "patterns": PATTERNS, "messages": PATTERNS}]
    assert "workspace" not in found  # a path on the server is nobody's business
