"""Labels over HTTP: given, taken back, listed, exported."""

import csv
import io

import pytest
from conftest import walk
from flask.testing import FlaskClient

from genlab.pipeline.labels import give_label
from genlab.pipeline.tokens import add_token
from genlab.store import Store


def ids(store: Store, count: int) -> list[str]:
    return [row["pattern_id"] for row in store.rows("patterns.all")[:count]]


def give(client: FlaskClient, labels: dict[str, str | None], **more):
    items = [{"pattern_id": pattern, "label": label} for pattern, label in labels.items()]
    headers = more.pop("headers", {})
    return client.post("/labels", json={"labels": items, **more}, headers=headers)


def current(store: Store) -> dict[str, str]:
    return {row["pattern_id"]: row["label"] for row in store.rows("labels.current")}


def test_labels_spread_and_one_undo_takes_all_of_a_request_back(
    client: FlaskClient, filled: Store
) -> None:
    a, b, c = ids(filled, 3)
    answer = give(client, {a: "pump", b: "valve", c: "pump"})
    assert answer.json["patterns"] == 3
    assert current(filled) == {a: "pump", b: "valve", c: "pump"}
    verdicts = {r["verdict"]: r["messages"] for r in filled.rows("assignments.verdicts", version=1)}
    assert answer.json["settled"]["known_messages"] == verdicts["known"]
    assert answer.json["settled"]["settled_messages"] == verdicts["known"] > 3
    listed = client.get("/labels").json["items"]
    assert [(each["name"], each["patterns"]) for each in listed] == [("pump", 2), ("valve", 1)]
    undone = client.post("/labels/take-back", json={})
    assert undone.json["gesture"] == answer.json["gesture"]
    assert current(filled) == {}
    redone = client.post("/labels/take-back", json={"action": "redo"})
    assert redone.status_code == 200
    assert current(filled) == {a: "pump", b: "valve", c: "pump"}
    cleared = give(client, {a: None})
    assert cleared.status_code == 200
    assert current(filled) == {b: "valve", c: "pump"}
    actions = [e["action"] for e in client.get(f"/patterns/{a}/labels").json["items"]]
    assert actions == ["clear", "label"]


def test_the_annotator_is_the_token_and_others_gestures_go_by_their_id(
    client: FlaskClient, filled: Store
) -> None:
    ann, bob = (
        {"Authorization": f"Bearer {add_token(filled, name, 'annotator')}"}
        for name in ("ann", "bob")
    )
    (pattern,) = ids(filled, 1)
    gesture = give(client, {pattern: "pump"}, headers=ann).json["gesture"]
    (row,) = filled.rows("labels.current")
    assert (row["annotator"], row["how"]) == ("ann", "api")
    nothing = client.post("/labels/take-back", json={}, headers=bob)
    assert nothing.status_code == 404
    assert current(filled) == {pattern: "pump"}
    done = client.post("/labels/take-back", json={"gesture": gesture}, headers=bob)
    assert done.status_code == 200
    assert current(filled) == {}
    again = client.post("/labels/take-back", json={"gesture": gesture}, headers=bob)
    assert again.status_code == 404


def test_messages_are_found_by_id_and_text_and_strangers_are_told(
    client: FlaskClient, filled: Store
) -> None:
    rows = {row["message_id"]: row for row in filled.rows("messages.predictions")}
    one, two = rows["m0"], rows["m1"]
    answer = client.post(
        "/labels",
        json={
            "labels": [
                {"message": "m0", "label": "a"},
                {"message": two["text"], "label": "b"},
                {"message": "never seen", "label": "c"},
                {"pattern_id": "none", "label": "c"},
            ]
        },
    ).json
    assert answer["unmatched"] == ["never seen", "none"]
    assert current(filled) == {one["pattern_id"]: "a", two["pattern_id"]: "b"}
    assert [each["name"] for each in client.get("/labels").json["items"]] == ["a", "b"]
    nobody = client.post("/labels", json={"labels": [{"message": "never", "label": "c"}]})
    assert nobody.status_code == 404


def test_a_repeated_request_labels_once(client: FlaskClient, filled: Store) -> None:
    a, b = ids(filled, 2)
    keyed = {"Idempotency-Key": "one"}
    first = give(client, {a: "pump"}, headers=keyed)
    give(client, {a: "valve"})
    again = give(client, {a: "pump"}, headers=keyed)
    assert again.json == first.json
    assert current(filled) == {a: "valve"}  # the repetition came later and changed nothing
    refused = give(client, {b: "pump"}, headers=keyed)
    assert refused.status_code == 422
    assert current(filled) == {a: "valve"}
    undo = {"Idempotency-Key": "two"}
    for _ in range(3):
        assert client.post("/labels/take-back", json={}, headers=undo).status_code == 200
    assert current(filled) == {a: "pump"}  # one undo, not three


def test_a_label_given_meanwhile_is_not_overwritten_unseen(
    client: FlaskClient, filled: Store
) -> None:
    (pattern,) = ids(filled, 1)
    seen = filled.rows("labels.seq")[0]["seq"]
    give_label(filled, [pattern], "valve", "key", "ann")
    refused = give(client, {pattern: "pump"}, seen=seen)
    assert refused.status_code == 409
    assert "ann" in refused.json["detail"]
    assert current(filled) == {pattern: "valve"}
    newest = walk(client, "/labels/current?limit=9")[-1]["seq"]
    assert give(client, {pattern: "pump"}, seen=newest).status_code == 200
    assert current(filled) == {pattern: "pump"}


def test_pages_hold_each_label_once_while_others_label(client: FlaskClient, filled: Store) -> None:
    patterns = ids(filled, 31)
    for pattern in patterns[:25]:
        give_label(filled, [pattern], "pump", "key", "ann")
    assert [each["pattern_id"] for each in walk(client, "/labels/current?limit=7")] == patterns[:25]

    def meanwhile() -> None:
        give_label(filled, patterns[25:], "valve", "key", "ann")  # come at the end
        give_label(filled, [patterns[20]], None, "key", "ann")  # goes

    found = [each["pattern_id"] for each in walk(client, "/labels/current?limit=7", meanwhile)]
    assert found == [p for p in patterns if p != patterns[20]]


def test_the_export_can_be_imported_and_runs_no_formula(client: FlaskClient, filled: Store) -> None:
    a, b = ids(filled, 2)
    give(client, {a: "=cmd|' /C calc'!A0", b: 'Überdruck, "links"'})
    answer = client.get("/labels/export")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["label"] for row in rows] == ["'=cmd|' /C calc'!A0", 'Überdruck, "links"']
    exact = client.get("/labels/export?format=json").json["items"]
    assert {e["pattern_id"]: e["label"] for e in exact} == current(filled)


@pytest.mark.parametrize("label", ["", "   ", "two\nlines", "x" * 121, "a\u0000b", 7, {}, ["a"]])
def test_what_is_no_label_is_refused_and_nothing_stored(
    client: FlaskClient, filled: Store, label: object
) -> None:
    a, b = ids(filled, 2)
    items = [{"pattern_id": a, "label": "fine"}, {"pattern_id": b, "label": label}]
    answer = client.post("/labels", json={"labels": items})
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert current(filled) == {}


def test_labels_wait_for_the_first_version(empty_client: FlaskClient, store: Store) -> None:
    empty_client.post("/messages", json=[{"text": "pump low", "id": "1"}])
    answer = empty_client.post("/labels", json={"labels": [{"message": "1", "label": "pump"}]})
    assert answer.json["settled"] is None
    assert list(current(store).values()) == ["pump"]
    for path in ("/versions/active", "/suggestions"):
        before = empty_client.get(path)
        assert before.status_code == 409
        assert "genlab train" in before.json["detail"]
