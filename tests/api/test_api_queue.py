"""The queue, suggestions, versions and status over HTTP."""

from datetime import datetime

import numpy as np
import pytest
from conftest import PATTERNS, walk
from flask.testing import FlaskClient
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


def test_versions_are_listed_promoted_and_rolled_back(client: FlaskClient, filled: Store) -> None:
    rows = filled.rows("patterns.all")
    kind = np.array([int(row["canonical_text"].split()[1]) for row in rows])
    vectors = np.random.default_rng(5).normal(size=(len(rows), 16)).astype(np.float32)
    for seed in (1, 2):
        add_version(filled, [row["pattern_id"] for row in rows], kind, vectors, 12, seed)
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


def test_status_counts_what_is_stored(client: FlaskClient) -> None:
    found = client.get("/status").json
    assert (found["messages"], found["patterns"], found["sources"]) == (PATTERNS, PATTERNS, 3)
    assert found["active_version"] == 1
    assert found["verdicts"] == [{"verdict": "unnamed", "patterns": PATTERNS, "messages": PATTERNS}]
    assert "workspace" not in found  # a path on the server is nobody's business
