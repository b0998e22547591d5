"""Formats: detection, round trips by hypothesis, field mapping, times and severities."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genlab.config import load_settings
from genlab.errors import InputError
from genlab.ingest import IngestOptions, detect, load_masker, read
from genlab.ingest.plain import PlainParser
from genlab.ingest.severity import from_name, from_otlp
from genlab.ingest.structured import parse_json_line
from genlab.ingest.syslog import parse_syslog
from genlab.ingest.times import parse_time, without_year
from genlab.records import SEVERITIES, Batch

SETTINGS = load_settings().ingest
MASKER = load_masker(SETTINGS)
LATEST = datetime(2026, 3, 1, 12, 0, 0)
LOGHUB = Path(__file__).parents[2].parent / "shared" / "data" / "loghub"


def ingest(content: str, **options: object) -> Batch:
    """The one batch of a text on standard input."""
    stream = io.BytesIO(content.encode("utf-8"))
    batches = list(read(["-"], IngestOptions(**options), SETTINGS, MASKER, stdin=stream))
    assert len(batches) == 1
    assert batches[0].lines == len(batches[0].messages) + len(batches[0].rejected)
    return batches[0]


def reasons(batch: Batch) -> list[str]:
    return [rejected.reason for rejected in batch.rejected]


JSONL = '{"text": "pump on", "time": 1767225600}\n{"text": "pump off"}'
JOURNAL = '{"MESSAGE": "pump on", "PRIORITY": "3", "_HOSTNAME": "h", "__CURSOR": "c1"}'
OTLP = '{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "on"}}]}]}]}'
RFC5424 = "<165>1 2026-02-01T22:14:15.003Z host app 12 ID47 - pump on"
RFC3164 = "<34>Feb  1 22:14:15 host su[7]: pump on"
PLAIN_SYSLOG = "Feb 11 22:14:15 host su: pump on\nFeb 11 22:14:16 host kernel: pump off"
ISO_SYSLOG = "2026-02-01T22:14:15.1+01:00 host su[7]: pump on"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("pump on\npump off", "text"),
        ("", "text"),
        ("2026-02-01 22:14:15,003 INFO pump on", "text"),
        ("one, two, three\nfour, five, six", "text"),
        ('{"half": ', "text"),
        (JSONL, "jsonl"),
        (JSONL + '\n{"half": ', "jsonl"),
        ('{"MESSAGE": "x"}', "jsonl"),
        (JOURNAL, "journal"),
        (OTLP, "otlp"),
        ("time,text\n1,pump on\n2,pump off", "csv"),
        ('Time;Message\n1;"a;b"', "csv"),
        ("a\tmsg\n1\tpump", "csv"),
        (RFC5424, "syslog"),
        (RFC3164, "syslog"),
        (PLAIN_SYSLOG, "syslog"),
        (ISO_SYSLOG, "syslog"),
    ],
)
def test_detection(content: str, expected: str) -> None:
    assert detect(content.split("\n"), "x.log", IngestOptions()) == expected


def test_the_name_tells_where_the_lines_do_not() -> None:
    assert detect(["a,b", "1,2"], "x.csv", IngestOptions()) == "csv"
    assert detect(["a,b", "1,2"], "x.csv.gz", IngestOptions()) == "csv"
    assert detect(["half"], "x.jsonl", IngestOptions()) == "jsonl"
    assert detect(["a,b", "1,2"], "x", IngestOptions(text_field="b")) == "csv"
    assert detect(["a,b"], "x.csv", IngestOptions(format="text")) == "text"
    with pytest.raises(InputError, match="yaml"):
        IngestOptions(format="yaml")  # type: ignore[arg-type]


SYSTEMS = sorted(p.name for p in LOGHUB.iterdir() if p.is_dir()) if LOGHUB.exists() else []


@pytest.mark.skipif(not SYSTEMS, reason=f"LogHub is not at {LOGHUB}")
@pytest.mark.parametrize("system", SYSTEMS)
def test_loghub_is_recognised_and_read_to_the_last_line(system: str) -> None:
    raw = LOGHUB / system / f"{system}_2k.log"
    lines = raw.read_text("utf-8").split("\n")
    expected = "syslog" if system in ("Linux", "OpenSSH") else "text"
    assert detect(lines, raw.name, IngestOptions()) == expected
    table = LOGHUB / system / f"{system}_2k.log_structured.csv"
    assert detect(table.read_text("utf-8").split("\n"), "x", IngestOptions()) == "csv"
    batches = list(read([str(raw)], IngestOptions(), SETTINGS, MASKER))
    messages = [message for batch in batches for message in batch.messages]
    assert len({message.message_id for message in messages}) == 2000
    assert sum(message.occurred_at is not None for message in messages) >= 1999
    if expected == "text":
        assert [m.text for m in messages] == [x.rstrip("\r") for x in lines if x.strip()]
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8"))))
    levels = [row["Level"] for row in rows] if "Level" in rows[0] and system != "Linux" else []
    told = [message.severity for message in messages]
    assert all(from_name(a) == b for a, b in zip(levels, told, strict=False) if from_name(a))


CLEAN = st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), min_size=1)
TEXT = CLEAN.filter(lambda text: text.strip() and not text.isspace())
WORD = st.text("abcdefghijklmnopqrstuvwxyz-.0123456789", min_size=1, max_size=12)
MOMENT = st.datetimes(datetime(1990, 1, 1), datetime(2026, 1, 1))
LEVEL = st.sampled_from(SEVERITIES)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXT, WORD, MOMENT, LEVEL, CLEAN), min_size=1, max_size=5))
def test_json_lines_round_trip(rows: list[tuple[str, str, datetime, str, str]]) -> None:
    records = [
        {"message": t, "host": d, "ts": w.isoformat() + "Z", "level": s.upper(), "other": [o]}
        for t, d, w, s, o in rows
    ]
    batch = ingest("\n".join(map(json.dumps, records)), format="jsonl")
    found = [
        (m.text, m.device, m.occurred_at, m.severity, m.attributes["other"][0])
        for m in batch.messages
    ]
    assert found == rows


QUOTABLE = st.text("ab \"',;\t|\n", min_size=1, max_size=8).map(lambda text: f"x{text}x")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(QUOTABLE, QUOTABLE), min_size=1, max_size=6), st.sampled_from(",;\t"))
def test_csv_round_trip(rows: list[tuple[str, str]], delimiter: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerows([("text", "device"), *rows])
    batch = ingest(out.getvalue(), format="csv")
    assert [(m.text, m.device) for m in batch.messages] == rows


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 191), MOMENT, WORD, WORD, TEXT,
    st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), CLEAN, max_size=3),
)  # fmt: skip
def test_rfc5424_round_trip(
    pri: int, when: datetime, host: str, app: str, text: str, parameters: dict[str, str]
) -> None:
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")

    values = "".join(f' {name}="{escaped(value)}"' for name, value in parameters.items())
    line = f"<{pri}>1 {when.isoformat()}Z h{host} a{app} - ID1 [x@1{values}][y@1] {text}"
    found = parse_syslog(line, LATEST)
    assert (found.text, found.device, found.occurred_at) == (
        text.removeprefix("\ufeff"),
        f"h{host}",
        when,
    )
    assert found.severity == SEVERITIES[7 - pri % 8]
    assert found.attributes is not None
    assert found.attributes["x@1"] == parameters
    assert found.attributes["program"] == f"a{app}"


@settings(max_examples=200, deadline=None)
@given(
    st.none() | st.integers(0, 191),
    st.datetimes(LATEST - timedelta(days=364), LATEST),
    st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True),
    st.integers(1, 99999),
    TEXT,
)
def test_rfc3164_round_trip(
    pri: int | None, when: datetime, host: str, pid: int, text: str
) -> None:
    when = when.replace(microsecond=0)
    head = "" if pri is None else f"<{pri}>"
    stamp = f"{when:%b} {when.day:2d} {when:%H:%M:%S}"
    found = parse_syslog(f"{head}{stamp} {host} su[{pid}]: {text}", LATEST)
    assert found[:5] == (
        f"su[{pid}]: {text}", None, host, None if pri is None else SEVERITIES[7 - pri % 8], when,
    )  # fmt: skip
    assert found.attributes is not None
    assert (found.attributes["program"], found.attributes["pid"]) == ("su", str(pid))


def test_a_syslog_line_without_header_is_all_content() -> None:
    assert parse_syslog("  at Main.run(Main.java:7)", LATEST).text == "  at Main.run(Main.java:7)"
    assert parse_syslog("<999>1 what", LATEST).text == "<999>1 what"


@settings(max_examples=150, deadline=None)
@given(TEXT, MOMENT, st.integers(0, 7), WORD, st.booleans())
def test_journal_round_trip(
    text: str, when: datetime, level: int, host: str, as_bytes: bool
) -> None:
    entry = {
        "MESSAGE": list(text.encode()) if as_bytes else text,
        "PRIORITY": str(level),
        "_HOSTNAME": host,
        "__CURSOR": "s=1;i=2",
        "__REALTIME_TIMESTAMP": str((when - datetime(1970, 1, 1)) // timedelta(microseconds=1)),
    }
    message = ingest(json.dumps(entry)).messages[0]
    assert message[:6] == ("s=1;i=2", "stdin", host, SEVERITIES[7 - level], when, text)


def test_a_journal_message_of_broken_bytes_is_told() -> None:
    assert reasons(ingest('{"MESSAGE": [255, 254], "_HOSTNAME": "h"}')) == ["broken_encoding"]
    assert reasons(ingest('{"MESSAGE": null, "_HOSTNAME": "h"}')) == ["missing_text"]


def test_otlp() -> None:
    records = [
        {
            "timeUnixNano": "1767225600123456789",
            "severityNumber": 17,
            "body": {"stringValue": "pump 7 failed"},
            "attributes": [
                {"key": "log.record.template", "value": {"stringValue": "pump {id} failed"}},
                {"key": "log.record.uid", "value": {"stringValue": "u1"}},
                {"key": "n", "value": {"intValue": "5"}},
            ],
        },
        {"body": {"kvlistValue": {"values": [
            {"key": "msg", "value": {"stringValue": "pump 8 on"}},
            {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": True}]}}},
        ]}}},
        {"body": {"intValue": "5"}, "severityText": "Warn"},
        {"severityNumber": 1},
        {"body": {"stringValue": " "}},
    ]  # fmt: skip
    resource = {"attributes": [{"key": "host.name", "value": {"stringValue": "h1"}}]}
    request = {"resourceLogs": [{"resource": resource, "scopeLogs": [
        {"scope": {"name": "lib"}, "logRecords": records}]}]}  # fmt: skip
    batch = ingest(json.dumps(request))
    first, second, third = batch.messages
    assert first[:5] == ("u1", "stdin", "h1", "error", datetime(2026, 1, 1, 0, 0, 0, 123456))
    assert first.attributes["n"] == 5
    assert first.attributes["scope"] == "lib"
    assert (second.text, second.attributes["list"]) == ("pump 8 on", [True])
    assert (third.text, third.severity) == ("5", "warning")
    assert [p.canonical_text for p in batch.patterns] == [
        "pump {id} failed", "pump <NUM> on", "<NUM>",
    ]  # fmt: skip
    assert reasons(batch) == ["missing_text", "empty_text"]
    assert batch.lines == 5


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "half', "not_json"),
        ('{"text": "x"} {', "not_json"),
        ("[" * 100_000, "line_too_long"),
        ("[" * 50_000, "not_json"),
        ("1" * 5_000, "not_json"),
        ("[1]", "not_an_object"),
        ("7", "not_an_object"),
        ('{"tekst": "x", "a": 1}', "missing_text"),
        ('{"text": null}', "missing_text"),
        ('{"text": 7}', "text_not_string"),
        ('{"text": {"a": 1}}', "text_not_string"),
        ('{"text": "  "}', "empty_text"),
        ('{"text": "a\\u0000b"}', "binary"),
        ('{"text": "x", "a": {"b": ["\\ud800"]}}', "broken_encoding"),
        ('{"text": "x", "time": "2999-01-01"}', "future_date"),
        ('{"text": "x", "time": 32503680000}', None),  # beyond what an epoch can mean
        ('{"text": "x", "time": "soon"}', None),
        ('{"text": "x", "v": NaN}', None),
    ],
)
def test_json_that_is_no_message(line: str, reason: str | None) -> None:
    batch = ingest(line, format="jsonl")
    assert reasons(batch) == [reason] * (reason is not None)
    for message in batch.messages:
        json.dumps(message.attributes, allow_nan=False)


@pytest.mark.parametrize("request_", ["{}", '{"resourceLogs": 5}', '{"resourceLogs": [7]}'])
def test_otlp_that_is_none(request_: str) -> None:
    assert reasons(ingest(request_, format="otlp")) == ["not_otlp"]


def test_a_wrong_column_names_the_columns_there() -> None:
    batch = ingest("a,b\n1,2\n", format="csv", text_field="c")
    assert reasons(batch) == ["missing_text"]
    assert "a, b" in batch.rejected[0].detail
    assert "--text-field" in batch.rejected[0].detail


def test_csv_that_is_torn() -> None:
    batch = ingest('text,n\nok,1\ntoo,many,columns\nfew\n"open,1\nfine,2\nlast,3', format="csv")
    assert [m.text for m in batch.messages] == ["ok", "fine", "last"]
    assert reasons(batch) == ["wrong_columns", "wrong_columns", "open_quote"]
    assert ingest("Id,Content\n1,pump", format="auto").messages[0].text == "pump"


def test_field_mapping() -> None:
    line = '{"a": "pump on", "i": 7, "w": "2026-01-01T00:00:00Z", "d": {"n": "x"}, "s": "E"}'
    options = {"id_field": "i", "time_field": "w", "device_field": "d.n", "severity_field": "s"}
    message = ingest(line, format="jsonl", text_field="a", **options).messages[0]
    assert message[:6] == ("7", "stdin", "x", "error", datetime(2026, 1, 1), "pump on")
    assert reasons(ingest('{"a": "x"}', format="jsonl", text_field="a", id_field="i")) == [
        "missing_id"
    ]
    bad = ingest('{"text": "x", "w": "soon"}', format="jsonl", time_field="w")
    assert reasons(bad) == ["bad_time"]


def test_a_repeated_id_is_visible() -> None:
    batch = ingest('{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}\n{"id": 1, "text": "a"}')
    assert [m.text for m in batch.messages] == ["a"]
    assert reasons(batch) == ["duplicate_id", "duplicate_id"]


@given(MOMENT)
def test_times_in_every_usual_form(when: datetime) -> None:
    second = when.replace(microsecond=0)
    epoch = (when - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    assert parse_time(when.isoformat()) == when
    assert parse_time(when.isoformat(" ") + "Z") == when
    assert parse_time((when + timedelta(hours=2)).isoformat() + "+02:00") == when
    assert parse_time(f"{second:%a %b %d %H:%M:%S %Y}") == second
    assert parse_time(f"{second:%d/%b/%Y:%H:%M:%S} +0000") == second
    assert parse_time(format_datetime(second.replace(tzinfo=UTC))) == second
    for value in (epoch, epoch * 1000, str(epoch)):
        assert parse_time(value) == when
    assert parse_time(epoch // 1_000_000) == second
    assert abs(parse_time(epoch / 1e6) - when) < timedelta(microseconds=2)


NO_TIMES = [None, True, "", "soon", "12:03", 0, 17.5, -1, 1e300, float("nan"), float("inf"), [], {}]
NO_TIMES += ["2026-13-01", "2026-02-30T00:00:00", "9" * 30, "0001-01-01T00:00:00+23:00"]


@pytest.mark.parametrize("value", NO_TIMES)
def test_what_is_no_time(value: object) -> None:
    assert parse_time(value) is None


@given(st.datetimes(datetime(2018, 1, 1), datetime(2026, 12, 31)), st.integers(0, 364))
def test_a_missing_year_is_the_latest_that_is_not_ahead(latest: datetime, days: int) -> None:
    latest = latest.replace(microsecond=0)
    when = latest - timedelta(days=days)
    found = without_year(latest, when.month, when.day, when.hour, when.minute, when.second)
    assert found == when


def test_the_29th_of_february() -> None:
    assert without_year(datetime(2027, 6, 1), 2, 29, 0, 0, 0) == datetime(2024, 2, 29)
    assert without_year(LATEST, 2, 30, 0, 0, 0) is None


@pytest.mark.parametrize(
    ("line", "when", "severity"),
    [
        (
            "2015-10-18 18:01:47,978 INFO [main] x",
            datetime(2015, 10, 18, 18, 1, 47, 978000),
            "info",
        ),
        ("[2015-10-18T18:01:47+02:00] [warn] x", datetime(2015, 10, 18, 16, 1, 47), "warning"),
        ("[Sun Dec 04 04:47:44 2005] [error] x", datetime(2005, 12, 4, 4, 47, 44), "error"),
        ("Jun 14 15:16:01 combo x", datetime(2025, 6, 14, 15, 16, 1), None),
        (
            "02-17 16:13:38.811  1702  2395 E X: y",
            datetime(2026, 2, 17, 16, 13, 38, 811000),
            "error",
        ),
        ("[10.30 16:49:06] x", datetime(2025, 10, 30, 16, 49, 6), None),
        ("081109 203615 148 INFO x", datetime(2008, 11, 9, 20, 36, 15), "info"),
        ("2016-09-28 04:30:30, Info   CBS x", datetime(2016, 9, 28, 4, 30, 30), "info"),
        ("h - - [10/Oct/2000:13:55:36 -0700] x", datetime(2000, 10, 10, 20, 55, 36), None),
        ("2015-10-18 18:01:47 an error in text", datetime(2015, 10, 18, 18, 1, 47), None),
        ("ERROR: pump", None, "error"),
        ("[Warning] pump", None, "warning"),
        ("pump in error", None, None),
        ("2015-99-18 18:01:47 x", None, None),
    ],
)
def test_plain_headers(line: str, when: datetime | None, severity: str | None) -> None:
    found = PlainParser(lambda: LATEST)(line)
    assert (found.text, found.occurred_at, found.severity) == (line, when, severity)


def test_severities() -> None:
    assert [from_name(n) for n in range(8)] == list(reversed(SEVERITIES))
    assert [from_name(s.upper()) for s in SEVERITIES] == list(SEVERITIES)
    assert [from_name(x) for x in ("W", "err", " Fatal ", "6", "what", None, True, 99)] == [
        "warning", "error", "critical", "info", None, None, None, None,
    ]  # fmt: skip
    assert [from_otlp(n) for n in (0, 1, 8, 9, 13, 20, 24, 25)] == [
        None, "debug", "debug", "info", "warning", "error", "critical", None,
    ]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["json", "syslog", "plain"]))
def test_no_line_raises(line: str, kind: str) -> None:
    if kind == "json":
        assert len(parse_json_line(line, lambda record: ())) <= 1
    elif kind == "syslog":
        assert line.endswith(parse_syslog(line, LATEST).text)
    else:
        assert PlainParser(lambda: LATEST)(line).text == line
