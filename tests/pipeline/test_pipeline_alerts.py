"""Alert rules against a real web server, a real mail server and a real file."""

import http.server
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from desk import wait_for
from helpers import batch
from synthetic_desk import fill

from genlab.cli import genlab
from genlab.config import Settings, load_settings
from genlab.errors import InputError, StoreError
from genlab.pipeline.alerts import Told, add_rule, listed_rules, remove_rule, run_alerts, send_test
from genlab.pipeline.channels import PASSWORD, DeliveryFailed, masked, parse_target
from genlab.pipeline.review import Decision, decide
from genlab.store import Store

SETTINGS = load_settings(overrides=["alerts.timeout_seconds=5"])
Hook = tuple[str, list[tuple[str, dict[str, Any]]]]


@contextmanager
def web(answer: Callable[[str], tuple[int, dict[str, str]]]) -> Iterator[Hook]:
    """A server that answers POST by path; (address, what came)."""
    came: list[tuple[str, dict[str, Any]]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/json"
            came.append((self.path, json.loads(body)))
            code, headers = answer(self.path)
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST  # a redirect that is followed would come here

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def post_office(refuse: bool = False) -> Iterator[tuple[int, list[tuple[str, Message]]]]:
    """A mail server (RFC 5321, no TLS); (port, [(recipient, mail)])."""
    mails: list[tuple[str, Message]] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            recipient = ""
            while line := self.rfile.readline().decode().strip():
                verb = line.split(" ")[0].upper()
                if verb == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    while (text := self.rfile.readline().rstrip(b"\r\n")) != b".":
                        lines.append(text.removeprefix(b"."))
                    mails.append((recipient, message_from_bytes(b"\n".join(lines))))
                elif verb == "RCPT":
                    recipient = line.partition(":")[2].strip("<>")
                    if refuse:
                        self.wfile.write(b"550 no such box\r\n")
                        continue
                elif verb == "QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                self.wfile.write(b"250 ok\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], mails
    finally:
        server.shutdown()
        server.server_close()


def rule(store: Store, target: str, condition: str = "novel-group", **more: Any) -> None:
    given: dict[str, Any] = {"name": "r", "threshold": None, "cooldown_minutes": 60.0}
    add_rule(store, condition=condition, target=target, annotator="ann", **(given | more))


def strangers(store: Store, texts: dict[str, int]) -> None:
    """Messages of new patterns, each with the direction of its number, scored as novel."""
    ids = list(texts)
    columns = batch(ids, start=10_000 + store.rows("patterns.count")[0]["patterns"])
    store.write("messages.ingest_batch", inputs=columns)
    ids = columns["in_patterns"]["pattern_id"].to_pylist()
    vectors = np.eye(16, dtype=np.float32)[list(texts.values())]
    store.write(
        "embeddings.add",
        inputs={"in_vectors": pa.table({"pattern_id": ids, "vector": list(vectors)})},
        encoder_version="synthetic", name="synthetic", dimension=16,
    )  # fmt: skip
    n = len(ids)
    one = pa.array([[1.0]] * n, pa.list_(pa.float32()))
    rows = {
        "pattern_id": ids,
        "components": pa.array([[0]] * n, pa.list_(pa.int32())),
        **dict.fromkeys(("responsibilities", "latent_mean", "latent_logvar"), one),
        **dict.fromkeys(("log_px", "confidence", "s_ood", "evidence", "map_x", "map_y"), [0.0] * n),
        "held_out": [False] * n,
        "novelty_p": [0.001] * n,
        "label": pa.nulls(n, pa.string()),
        "verdict": ["novel"] * n,
        "messages": [0] * n,
    }
    store.write("assignments.put", {"in_assignments": pa.table(rows)}, version=1)


def alerts(store: Store) -> list[dict[str, Any]]:
    return store.rows("alerts.latest", limit=100)


def test_a_new_group_is_told_once_and_its_growth_is_no_news(store: Store) -> None:
    fill(store, 60, 3, 6)
    strangers(store, {"old": 0})  # before the rule: no cause
    with web(lambda _: (204, {})) as (address, came):
        rule(store, address + "/hook")
        assert run_alerts(store, SETTINGS) == Told(0, 0, 0)
        strangers(store, {"fire": 1, "flame": 1, "flood": 2})
        assert run_alerts(store, SETTINGS) == Told(1, 1, 0)
        assert run_alerts(store, SETTINGS) == Told(0, 0, 0)
        strangers(store, {"blaze": 1, "older": 0})  # of a group told, and of one before the rule
        assert run_alerts(store, SETTINGS) == Told(0, 0, 0)
    ((path, said),) = came
    assert path == "/hook"
    assert said["rule"] == "r"
    assert said["text"] == "genlab: 2 new groups of novel messages, 3 messages"
    assert sorted(len(each["patterns"]) for each in said["details"]) == [1, 2]
    assert alerts(store)[0]["status"] == "delivered"


def test_what_is_below_the_budget_s_line_alerts_nobody(store: Store, tmp_path: Path) -> None:
    fill(store, 60, 3, 6)
    rule(store, f"file:{tmp_path}/a.jsonl")
    strangers(store, {f"s {i}": i for i in range(6)})
    few = SETTINGS.model_copy(
        update={"labelling": SETTINGS.labelling.model_copy(update={"flags_per_day": 4.0})}
    )
    run_alerts(store, few)
    (line,) = (tmp_path / "a.jsonl").read_text().splitlines()
    assert len(json.loads(line)["details"]) == 4


def test_levels_are_repeated_after_the_cooldown_only(store: Store, tmp_path: Path) -> None:
    fill(store, 60, 3, 6)  # 60 messages received just now, all of them unnamed
    rule(store, f"file:{tmp_path}/a.jsonl", "flagged-rate", threshold=59.0)
    rule(store, f"file:{tmp_path}/a.jsonl", "flagged-rate", threshold=60.0, name="higher")
    rule(store, f"file:{tmp_path}/a.jsonl", "known-share", threshold=1.0, name="share")
    rule(store, f"file:{tmp_path}/a.jsonl", "known-share", threshold=0.0, name="zero")
    assert run_alerts(store, SETTINGS) == Told(2, 2, 0)
    assert run_alerts(store, SETTINGS) == Told(0, 0, 0)
    rule(store, f"file:{tmp_path}/a.jsonl", "flagged-rate", threshold=1.0, name="again",
         cooldown_minutes=0.0)  # fmt: skip
    assert run_alerts(store, SETTINGS).fired == 1
    assert run_alerts(store, SETTINGS).fired == 1
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["rule"] for line in lines[:2]] == ["r", "share"]
    assert lines[0]["text"] == "genlab: 60 flagged messages within an hour, more than 59"
    ids = [
        row["pattern_id"] for row in store.rows("review.queue", states=[], verdicts=[], limit=60)
    ]
    decide(store, ids, Decision("resolved"), "", "ann")
    assert run_alerts(store, SETTINGS).fired == 0  # nothing that counts is left


def test_each_return_is_told_once(store: Store, tmp_path: Path) -> None:
    fill(store, 30, 3, 6)
    rule(store, f"file:{tmp_path}/a.jsonl", "back")
    one, two = [
        r["pattern_id"] for r in store.rows("review.queue", states=[], verdicts=[], limit=2)
    ]
    decide(store, [two], Decision("resolved"), "", "ann")
    for _ in range(2):  # muted again, it comes back again
        decide(store, [one], Decision("muted", datetime.now(UTC).replace(tzinfo=None)), "", "ann")
        assert run_alerts(store, SETTINGS).fired == 1
        assert run_alerts(store, SETTINGS).fired == 0
    said = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])
    assert (said["details"][0]["patterns"], said["details"][0]["back"]) == ([one], "time")
    assert said["text"] == "genlab: 1 muted or resolved pattern came back"


def with_alerts(**more: Any) -> Settings:
    return SETTINGS.model_copy(update={"alerts": SETTINGS.alerts.model_copy(update=more)})


def test_a_failed_delivery_is_told_and_waits_for_its_time(store: Store) -> None:
    fill(store, 30, 3, 6)
    with web(lambda _: (503, {})) as (address, came):
        rule(store, address + "/secret-token", "flagged-rate", threshold=1.0)
        before = datetime.now(UTC).replace(tzinfo=None)
        assert run_alerts(store, SETTINGS) == Told(1, 0, 1)
        (row,) = alerts(store)
        assert (row["status"], row["attempts"]) == ("waiting", 1)
        assert "503" in row["error"]
        assert "secret-token" not in row["error"]
        assert row["due_at"] >= before + timedelta(seconds=60)
        assert run_alerts(store, SETTINGS) == Told(0, 0, 0)  # not due yet
        assert len(came) == 1
        remove_rule(store, "r")


def test_a_delivery_is_repeated_until_it_arrives_or_is_given_up(store: Store) -> None:
    fill(store, 30, 3, 6)
    at_once = with_alerts(retry_seconds=0.0, attempts=3)
    answers = iter([500, 503, 200, 500, 500, 500, 500])
    with web(lambda _: (next(answers), {})) as (address, came):
        rule(store, address, "flagged-rate", threshold=1.0)
        assert run_alerts(store, at_once) == Told(1, 1, 2)
        (row,) = alerts(store)
        assert (row["status"], row["attempts"], row["error"]) == ("delivered", 3, "")
        assert {json.dumps(said) for _, said in came} == {row["payload"]}
        rule(store, address, "flagged-rate", threshold=1.0, name="lost")
        assert run_alerts(store, at_once) == Told(1, 0, 3)
        assert alerts(store)[0]["status"] == "failed"
        assert len(came) == 6


def test_an_alert_whose_rule_is_gone_is_given_up(store: Store) -> None:
    fill(store, 30, 3, 6)
    rule(store, "file:no/such/folder/a", "flagged-rate", threshold=1.0)
    soon = with_alerts(retry_seconds=0.5, attempts=10)
    assert run_alerts(store, soon).fired == 1
    remove_rule(store, "r")
    wait_for("the alert to be due", 10, lambda: run_alerts(store, soon).failed)
    (row,) = alerts(store)
    assert (row["status"], row["error"]) == ("failed", "its rule was removed before it was sent")


def test_a_redirect_is_not_followed(store: Store) -> None:
    with web(lambda _: (200, {})) as (other, elsewhere):
        for code in (301, 302, 303, 307, 308):
            for where in (other, "file:///etc/passwd"):
                with web(lambda _, c=code, w=where: (c, {"Location": w})) as (address, came):
                    rule(store, address, name=f"{code} {where[:4]}")
                    with pytest.raises(DeliveryFailed, match=f"answered {code}.*moved"):
                        send_test(store, SETTINGS, f"{code} {where[:4]}")
                    assert len(came) == 1
        assert elsewhere == []


def test_nobody_there_is_said(store: Store) -> None:
    with web(lambda _: (200, {})) as (address, _):
        pass  # closed again
    rule(store, address)
    with pytest.raises(DeliveryFailed, match=r"refused.*genlab alert test"):
        send_test(store, SETTINGS, "r")
    rule(store, "file:no/such/folder/a.jsonl", name="f")
    with pytest.raises(DeliveryFailed, match="No such file"):
        send_test(store, SETTINGS, "f")


def test_what_is_no_web_server_is_said(store: Store) -> None:
    with post_office() as (port, _):
        rule(store, f"http://127.0.0.1:{port}")
        with pytest.raises(DeliveryFailed, match=r"220 test.*genlab alert test"):
            send_test(store, SETTINGS, "r")


def test_secrets_come_from_the_environment_and_are_shown_nowhere(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web(lambda path: (200 if path == "/t/s3cret?k=s3cret" else 404, {})) as (address, came):
        rule(store, address + "/t/${HOOK}?k=${HOOK}")
        monkeypatch.delenv("HOOK", raising=False)
        with pytest.raises(DeliveryFailed, match="no HOOK: set it"):
            send_test(store, SETTINGS, "r")
        monkeypatch.setenv("HOOK", "s3cret")
        send_test(store, SETTINGS, "r")
        assert [path for path, _ in came] == ["/t/s3cret?k=s3cret"]
        rule(store, address + "/t/written-down", name="plain")
        assert "written-down" not in str(listed_rules(store))
        monkeypatch.setenv("HOOK", "changed")
        with pytest.raises(DeliveryFailed, match="404") as refused:
            send_test(store, SETTINGS, "r")
        assert "changed" not in str(refused.value)
    monkeypatch.setenv("SCHEME", "ftp")
    with pytest.raises(InputError, match="expected https"):
        rule(store, "${SCHEME}://host/x", name="s")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("https://hooks.example.org/services/T0/B1/xyz", "https://hooks.example.org/…"),
        ("https://user:pw@example.org:8443/?token=1", "https://example.org:8443/…"),
        ("https://user:pw@example.org", "https://example.org/…"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("mailto:ops@example.org", "mailto:ops@example.org"),
        ("file:/var/log/alerts.jsonl", "file:/var/log/alerts.jsonl"),
    ],
)
def test_what_is_shown_of_a_target(target: str, shown: str) -> None:
    parse_target(target)
    assert masked(target) == shown


@pytest.mark.parametrize(
    "target",
    ["", "nowhere", "ftp://host/x", "javascript:alert(1)", "https://", "https:///x", "mailto:",
     "mailto:a@b,c@d", "mailto:a@b\r\nBcc: c@d", "mailto:a@b%0d%0aBcc:c@d", "file:",
     "https://h/x\r\nX: y", "https://[::1", "https://host:port/"],
)  # fmt: skip
def test_targets_that_are_none_are_refused(target: str) -> None:
    with pytest.raises(InputError, match="expected https"):
        parse_target(target)


@pytest.mark.parametrize(
    ("condition", "threshold"),
    [("flagged-rate", None), ("flagged-rate", -1.0), ("known-share", 101.0), ("back", 5.0),
     ("flagged-rate", float("nan")), ("nonsense", None)],
)  # fmt: skip
def test_rules_that_mean_nothing_are_refused(
    store: Store, condition: str, threshold: float | None
) -> None:
    with pytest.raises(InputError, match="expected"):
        rule(store, "file:a", condition, threshold=threshold)
    assert listed_rules(store) == []


def test_a_mail_says_what_a_machine_wrote_as_text(store: Store) -> None:
    fill(store, 30, 3, 6)
    with post_office() as (port, mails):
        settings = mail_settings(port)
        rule(store, "mailto:ops@example.org")
        strangers(store, {"<b>.\r\n.\r\nRCPT TO:<x@y> ünder": 3})
        assert run_alerts(store, settings) == Told(1, 1, 0)
    ((recipient, mail),) = mails
    assert recipient == "ops@example.org"
    assert mail["Subject"] == "genlab: 1 new group of novel messages, 1 message"
    assert mail.get_content_type() == "text/plain"
    body = mail.get_payload(decode=True).decode()
    assert "<b>." in body
    assert "ünder" in body


def test_a_mail_server_that_refuses_is_told(store: Store) -> None:
    with post_office(refuse=True) as (port, mails):
        rule(store, "mailto:nobody@example.org")
        with pytest.raises(DeliveryFailed, match="no such box"):
            send_test(store, mail_settings(port), "r")
        assert mails == []
        with pytest.raises(DeliveryFailed, match=r"set alerts\.smtp_host"):
            send_test(store, SETTINGS, "r")


def test_the_password_is_asked_of_the_environment(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    with post_office() as (port, _):
        rule(store, "mailto:ops@example.org")
        with pytest.raises(DeliveryFailed, match=PASSWORD):
            send_test(store, mail_settings(port, smtp_user="genlab"), "r")


def mail_settings(port: int, **more: Any) -> Settings:
    return with_alerts(
        **{"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", **more}
    )


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_HOME", str(tmp_path / "w"))

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(genlab, ["alert", *arguments])

    assert run("list").exit_code == 0
    made = run("add", "night", "--when", "novel-group", "--to", "file:alerts.jsonl")
    assert made.exit_code == 0, made.output
    again = run("add", "night", "--when", "back", "--to", "file:x")
    assert isinstance(again.exception, StoreError)
    assert "already" in str(again.exception)
    assert run("add", "bad", "--when", "nonsense", "--to", "file:x").exit_code == 2
    assert run("test", "night").exit_code == 0
    sent = json.loads((tmp_path / "w" / "alerts.jsonl").read_text())
    assert sent["text"] == "genlab: a test of the alert rule night"
    assert (tmp_path / "w" / "alerts.jsonl").stat().st_mode & 0o077 == 0
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["name"], listed["target"]) == ("night", "file:alerts.jsonl")
    assert json.loads(run("check", "--json").stdout) == {"fired": 0, "delivered": 0, "failed": 0}
    assert run("remove", "night").exit_code == 0
    assert isinstance(run("remove", "night").exception, InputError)
