"""Input that means harm is text: stored as it came, given back as it came, or refused in words."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.api import problems
from genlab.store import Store

HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "'; DROP TABLE message; --",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "\u202eevil\u202c \u200f\u2066mixed\u2069",
    "{{7*7}} ${7*7} %s %n $name",
    "𝒲𝑒𝒾𝓇𝒹 👩‍👩‍👧‍👦 Ω≈ç√",
    "\t\r\x1b[31mred\x07",
    "x" * 60_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_texts_come_back_as_they_were_sent(
    empty_client: FlaskClient, store: Store, text: str
) -> None:
    sent = empty_client.post("/messages?source=s", json=[{"text": text, "id": "m1", text[:40]: 1}])
    assert sent.json["messages"] == 1
    (row,) = store.rows("messages.predictions")
    assert row["text"] == text
    label = " ".join(text.split())[:100].strip("\x1b\x07")
    if label.isprintable():
        answer = empty_client.post("/labels", json={"labels": [{"message": "m1", "label": label}]})
        assert answer.status_code == 200
        assert empty_client.get("/labels").json["items"][0]["name"] == label
        exported = empty_client.get("/labels/export")
        assert exported.mimetype == "text/csv"
        assert not any(line.startswith(("=", "+", "@")) for line in exported.text.split(","))
    found = empty_client.get("/labels/current")
    assert found.mimetype == "application/json"
    assert found.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "text", ["a\u0000b", "half \ud83d", "x" * 100_000, "", " \t ", None, 7, {"a": 1}]
)
def test_texts_that_cannot_be_stored_are_quarantined_with_a_reason(
    empty_client: FlaskClient, store: Store, text: object
) -> None:
    # json.dumps writes a lone surrogate as \ud83d, which no JSON parser has to take
    body = "[" + json.dumps({"text": text}) + ', {"text": "fine"}]'
    answer = empty_client.post("/messages", data=body, content_type="application/json")
    if isinstance(text, str) and "\ud83d" in text:
        assert answer.status_code == 400
        assert "escape" in answer.json["detail"]
        line = json.dumps({"text": text}) + '\n{"text": "fine"}'
        answer = empty_client.post("/messages", data=line, content_type="application/x-ndjson")
    assert answer.status_code == 200
    if isinstance(text, int | dict):  # taken for what it says
        assert answer.json["messages"] + answer.json["quarantined"] == 2
    else:
        assert (answer.json["messages"], answer.json["quarantined"]) == (1, 1)
        assert answer.json["refused"][0]["detail"]
    assert "fine" in {row["text"] for row in store.rows("messages.predictions")}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nonsense", b"[" * 100_000, b'{"a":' * 10_000, b"NaN", b"[NaN]", b"[-Infinity]",
        b"\xff\xfe", b"\x00", b'"[]"', b'["\\ud800"]', b"[1,]", b"{'a': 1}", b"{} {}",
    ],
    ids=range(15),
)  # fmt: skip
def test_a_body_that_is_no_json_is_refused_by_every_write(
    client: FlaskClient, filled: Store, body: bytes
) -> None:
    before = filled.rows("labels.seq"), filled.rows("messages.totals")
    for path in (
        "/messages", "/predictions", "/labels", "/labels/take-back", "/queue/state", "/scoring",
        "/versions/promote", "/versions/roll-back", "/shadows/start", "/shadows/stop",
    ):  # fmt: skip
        answer = client.post(path, data=body, content_type="application/json")
        assert answer.status_code in (400, 411, 422), (path, answer.text)
        assert answer.mimetype == "application/problem+json"
        assert len(answer.text) < 20_000  # what was sent is not sent back
    assert (filled.rows("labels.seq"), filled.rows("messages.totals")) == before


@pytest.mark.parametrize("body", [[], {}, None, 7, "x", [[]], {"labels": []}, {"labels": {}}])
def test_wrong_shapes_say_where(client: FlaskClient, body: object) -> None:
    content = json.dumps(body)
    for path in ("/labels", *(["/messages", "/predictions"] if not isinstance(body, list) else [])):
        answer = client.post(path, data=content, content_type="application/json")
        assert answer.status_code == 422, path
        assert answer.json["detail"]


def test_what_nobody_foresaw_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask(__name__)
    problems.register(app)
    app.add_url_rule("/", view_func=lambda: {"password": "secret"}["secret"])
    answer = app.test_client().get("/")
    assert answer.status_code == 500
    assert answer.mimetype == "application/problem+json"
    assert "secret" not in answer.text
    assert "secret" in caplog.text


def test_numbers_out_of_range_keep_the_message(empty_client: FlaskClient, store: Store) -> None:
    body = '[{"text": "a", "v": 1e999}, {"text": "b", "v": 123456789012345678901234567890}]'
    answer = empty_client.post("/messages", data=body, content_type="application/json")
    assert answer.json["messages"] == 2
    kept = [json.loads(row["attributes"]) for text in ("a", "b") for row in messages(store, text)]
    assert kept[1] == {"v": 123456789012345678901234567890}


def messages(store: Store, text: str) -> list[dict]:
    (pattern,) = store.rows("patterns.resolve_texts", texts=[text])
    return store.rows("messages.of_pattern", pattern_id=pattern["pattern_id"], limit=9)


@pytest.mark.parametrize("key", ["", " ", "ü", "x" * 256, "a b"])
def test_a_key_that_is_none_is_refused(client: FlaskClient, key: str) -> None:
    answer = client.post("/labels/take-back", json={}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
