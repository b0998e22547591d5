"""Messages and predictions over HTTP."""

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dashboard.api import create_api
from dashboard.state import Desk
from genlab.config import Settings, with_overrides
from genlab.ingest import IngestOptions
from genlab.pipeline.ingest import ingest
from genlab.pipeline.predict import Predictor
from genlab.scorer import Scorer
from genlab.store import Store, connect
from genlab.store.workspace import write_service_file

LINES = "application/x-ndjson"
RECORDS = [
    {"text": "pump 7 pressure low", "device": "pump-7", "level": "warn", "room": "cellar"},
    {"text": "pump 9 pressure low", "id": "m-2"},
    {"msg": "link down", "time": "2026-03-01T10:00:00+01:00"},
    {"nothing": "here"},
    {"text": "from tomorrow", "time": "2999-01-01T00:00:00Z"},
]


def stored(store: Store) -> list[tuple]:
    rows = store.rows("messages.predictions")
    return sorted(
        (r["text"], r["device"], r["severity"], r["occurred_at"], r["source"]) for r in rows
    )


@pytest.mark.parametrize("lines", [False, True])
def test_a_request_stores_what_the_command_stores_of_the_same_file(
    empty_client: FlaskClient, store: Store, roomy: Settings, tmp_path: Path, lines: bool
) -> None:
    content = "\n".join(json.dumps(record) for record in RECORDS)
    if lines:
        answer = empty_client.post("/messages?source=plant", data=content, content_type=LINES)
    else:
        answer = empty_client.post("/messages?source=plant", json=RECORDS)
    assert answer.status_code == 200
    file = tmp_path / "plant.jsonl"
    file.write_text(content)
    with connect(tmp_path / "other") as other:
        by_command = ingest(other, [str(file)], IngestOptions(source="plant"), roomy.ingest)
        assert stored(store) == stored(other)
        reasons = {r["reason"] for r in other.rows("messages.quarantine_list", limit=9)}
    told = {name: answer.json[name] for name in by_command._fields}
    assert told == by_command._asdict()
    assert set(answer.json["reasons"]) == reasons == {"missing_text", "future_date"}
    assert [each["position"] for each in answer.json["refused"]] == [4, 5]
    kept = {r["path"] for r in store.rows("messages.quarantine_list", limit=9)}
    assert kept == {f"request {answer.json['request']}"}


def test_lines_that_are_no_json_are_told_and_the_rest_is_stored(
    empty_client: FlaskClient, store: Store
) -> None:
    content = b'{"text": "good 1"}\n\n[1]\n{"text": \n\xff\xfe\n{"text": "good x"}\r\n"bare"\n'
    answer = empty_client.post("/messages", data=content, content_type=LINES).json
    assert (answer["lines"], answer["messages"]) == (6, 2)
    assert [(each["position"], each["reason"]) for each in answer["refused"]] == [
        (3, "not_an_object"),
        (4, "not_json"),
        (5, "broken_encoding"),
        (7, "not_an_object"),
    ]
    assert {row[0] for row in stored(store)} == {"good 1", "good x"}


def test_texts_alone_named_fields_and_an_id_that_is_taken(
    empty_client: FlaskClient, store: Store
) -> None:
    assert empty_client.post("/messages", json=["a fan stopped", 7, None]).json["messages"] == 1
    named = "/messages?text_field=deep.log&id_field=nr&source=x"
    first = empty_client.post(named, json=[{"deep": {"log": "disk full"}, "nr": "1"}]).json
    assert first["messages"] == 1
    again = empty_client.post(named, json=[{"deep": {"log": "disk full"}, "nr": "1"}]).json
    assert (again["messages"], again["quarantined"]) == (0, 0)
    clash = empty_client.post(named, json=[{"deep": {"log": "another"}, "nr": "1"}]).json
    assert (clash["messages"], clash["quarantined"]) == (0, 1)
    assert clash["reasons"] == {"duplicate_id": 1}
    assert len(stored(store)) == 2


def test_the_same_words_again_are_another_event_unless_the_request_is_the_same(
    empty_client: FlaskClient, store: Store
) -> None:
    body = ["door opened", "door opened", 5]
    for _ in range(2):
        assert empty_client.post("/messages", json=body).json["messages"] == 2
    assert len(stored(store)) == 4
    keyed = {"Idempotency-Key": "batch-1"}
    first = empty_client.post("/messages", json=body, headers=keyed)
    again = empty_client.post("/messages", json=body, headers=keyed)
    assert first.json["messages"] == 2
    assert first.json["quarantined"] == 1
    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(stored(store)) == 6
    other = empty_client.post("/messages", json=["x"], headers=keyed)
    assert other.status_code == 422
    assert "new key" in other.json["detail"]
    elsewhere = empty_client.post("/messages?source=b", json=body, headers=keyed)
    assert elsewhere.status_code == 422
    assert len(stored(store)) == 6


def test_limits_say_what_to_do(store: Store, roomy: Settings) -> None:
    given = {"api.max_items": 3, "api.max_body_bytes": 2000, "api.max_text_length": 50}
    desk = Desk(store.workspace, with_overrides(roomy, given), store)
    client = create_api(desk).test_client()
    assert client.post("/messages", json=["a", "b", "c"]).status_code == 200
    assert client.post("/messages", data='"a"\n' * 3, content_type=LINES).status_code == 200
    for answer in (
        client.post("/messages", json=["a"] * 4),
        client.post("/messages", data='"a"\n' * 4, content_type=LINES),
        client.post("/predictions", json=["a"] * 4),
    ):
        assert answer.status_code == 422
        assert "api.max_items" in answer.json["detail"]
    large = client.post("/messages", json=["a" * 2000])
    assert large.status_code == 413
    assert "api.max_body_bytes" in large.json["detail"]
    long = client.post("/predictions", json=["short", {"text": "x" * 51}])
    assert long.status_code == 422
    assert "51 characters" in long.json["detail"]


def test_predictions_are_those_of_the_command(fitted: Store, quick: Settings, encoder) -> None:
    client = create_api(Desk(fitted.workspace, quick, fitted)).test_client()
    records = ["pump 7 pressure low", {"text": "the cat sat on the mat", "message_id": "m-9"}]
    away = client.post("/predictions", json=records)
    assert away.status_code == 503
    assert "genlab up" in away.json["detail"]
    assert "Retry-After" in away.headers
    predictor = Predictor(fitted, quick)
    serving = Scorer(predictor, fitted.workspace.token())
    write_service_file(fitted.workspace.scorer_file, port=serving.port)
    try:
        answer = client.post("/predictions", json=records)
        assert answer.status_code == 200
        assert answer.json["predictions"] == predictor.predict(records)
        assert client.post("/predictions", json=[]).json == {"predictions": []}
        blank = client.post("/predictions", json=["fine", "  "])
        assert blank.status_code == 422
        assert "record 2" in blank.json["detail"]
    finally:
        serving.shutdown()
    assert client.post("/predictions", json=records).status_code == 503
