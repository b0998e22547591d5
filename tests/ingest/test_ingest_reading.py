"""Reading files: identity, growth, rotation, hostile bytes, accounting, standard input, follow."""

import gzip
import io
import os
import threading
import time
import tracemalloc
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genlab.config import load_settings
from genlab.errors import InputError
from genlab.ingest import IngestOptions, load_masker, parse_records, read
from genlab.ingest.assemble import Assembler
from genlab.ingest.fields import Fields
from genlab.ingest.files import source_name
from genlab.ingest.lines import split_lines
from genlab.records import Batch, FilePosition

SETTINGS = load_settings().ingest
MASKER = load_masker(SETTINGS)


class Memory:
    """A store in miniature: messages by id, positions by file."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.positions: dict[str, FilePosition] = {}
        self.rejected: list[tuple[str, int]] = []
        self.lines = 0

    def known(self, source: str) -> list[FilePosition]:
        return [p for p in self.positions.values() if p.source == source]

    def ingest(self, *paths: Path | str, remember: bool = True, **options: object) -> int:
        """How many messages are new."""
        before = len(self.messages)
        known = self.known if remember else lambda source: []
        chosen = IngestOptions(**{"source": "app", "format": "text", **options})
        for batch in read([str(p) for p in paths], chosen, SETTINGS, MASKER, known):
            self.take(batch)
        return len(self.messages) - before

    def take(self, batch: Batch) -> None:
        assert batch.lines == len(batch.messages) + len(batch.rejected)
        ids = [m.message_id for m in batch.messages]
        assert len(set(ids)) == len(ids)
        assert {m.pattern_id for m in batch.messages} == {p.pattern_id for p in batch.patterns}
        self.messages.update((m.message_id, m.text) for m in batch.messages)
        self.rejected += [(r.reason, r.position) for r in batch.rejected]
        self.lines += batch.lines
        if batch.position:
            self.positions[batch.position.file_id] = batch.position


@pytest.fixture
def memory() -> Memory:
    return Memory()


def lines(first: int, last: int, word: str = "pump") -> str:
    return "".join(f"{word} {number} started\n" for number in range(first, last))


@pytest.mark.parametrize("remember", [True, False])
def test_a_file_read_again_adds_nothing_and_a_grown_one_its_new_lines(
    tmp_path: Path, memory: Memory, remember: bool
) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines(0, 30))
    assert memory.ingest(log, remember=remember) == 30
    assert memory.ingest(log, remember=remember) == 0
    with log.open("a") as file:
        file.write(lines(30, 700))  # far beyond the head that is remembered
    assert memory.ingest(log, remember=remember) == 670
    assert memory.ingest(log, remember=remember) == 0
    assert memory.lines == (700 if remember else 30 + 30 + 700 + 700)


@pytest.mark.parametrize("size", [3, 400])
def test_rotation_by_rename(tmp_path: Path, memory: Memory, size: int) -> None:
    log, old, older = (tmp_path / name for name in ("app.log", "app.log.1", "app.log.2.gz"))
    log.write_text(lines(0, size))
    assert memory.ingest(tmp_path) == size
    with log.open("a") as file:
        file.write(lines(size, size + 2))  # written just before the rotation
    log.rename(old)
    log.write_text(lines(0, 5, "valve"))
    assert memory.ingest(tmp_path) == 2 + 5
    older.write_bytes(gzip.compress(old.read_bytes()))
    log.rename(old)
    log.write_text(lines(0, 4, "fan"))
    assert memory.ingest(tmp_path) == 4
    assert memory.ingest(tmp_path) == 0
    assert memory.lines == len(memory.messages) == size + 2 + 5 + 4


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("/var/log/app.log", "app"),
        ("app.log.1", "app"),
        ("app.log.2.gz", "app"),
        ("app-20260131.log", "app"),
        ("app.log-20260131", "app"),
        ("app.2026-01-31.log", "app"),
        ("app.1.log", "app"),
        ("app.log.old", "app"),
        ("syslog", "syslog"),
        ("sensor-1.log", "sensor-1"),
        ("Android_2k.log", "Android_2k"),
        ("20260131.log", "20260131"),
        ("1.2", "1"),
    ],
)
def test_rotation_leaves_the_source(name: str, source: str) -> None:
    assert source_name(name) == source


def test_rotation_without_a_named_source(tmp_path: Path, memory: Memory) -> None:
    (tmp_path / "web.log").write_text(lines(0, 9))
    memory.ingest(tmp_path, source=None)
    (tmp_path / "web.log").rename(tmp_path / "web.log.1")
    (tmp_path / "web.log").write_text("new\n")
    assert memory.ingest(tmp_path, source=None) == 1


def test_a_new_content_that_begins_alike_and_is_longer(tmp_path: Path, memory: Memory) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines(0, 400) + "the old end\n")
    memory.ingest(log)
    log.write_text(lines(0, 400) + lines(0, 400, "valve"))
    memory.ingest(log)
    assert sum(text.startswith("valve") for text in memory.messages.values()) == 400


def test_last_lines_before_a_rotation_come_though_only_the_new_file_was_named(
    tmp_path: Path, memory: Memory
) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines(0, 3))
    memory.ingest(log)
    with log.open("a") as file:
        file.write("last words\n")
    log.rename(tmp_path / "app.log.1")
    log.write_text("first words\n")
    assert memory.ingest(log) == 2
    assert {"last words", "first words"} <= set(memory.messages.values())


@pytest.mark.parametrize("header", ["", "a header that every file has\n"])
def test_copytruncate(tmp_path: Path, memory: Memory, header: str) -> None:
    log, old = tmp_path / "app.log", tmp_path / "app.log.1"
    log.write_text(header + lines(0, 40))
    memory.ingest(tmp_path)
    before = len(memory.messages)
    old.write_bytes(log.read_bytes())
    log.write_text(header + lines(0, 6, "valve"))
    assert memory.ingest(tmp_path) == 6 + bool(header)
    assert memory.ingest(tmp_path) == 0
    assert len(memory.messages) == before + 6 + bool(header) == memory.lines


@pytest.mark.parametrize("remember", [True, False])
def test_files_with_the_same_lines_lose_nothing(
    tmp_path: Path, memory: Memory, remember: bool
) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(lines(0, 300))
    assert memory.ingest(tmp_path, remember=remember) == 600
    assert memory.ingest(tmp_path, remember=remember) == 0
    (tmp_path / "a.log").unlink()
    (tmp_path / "c.log").write_text(lines(0, 2))  # begins like the removed a.log
    assert memory.ingest(tmp_path, remember=remember) == 2


def test_an_unfinished_line_that_grows_comes_whole(tmp_path: Path, memory: Memory) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\ntwo is not fin")
    assert memory.ingest(log) == 2
    assert memory.ingest(log) == 0
    with log.open("a") as file:
        file.write("ished\nthree")
    assert memory.ingest(log) == 2
    with log.open("a") as file:
        file.write("\nfour\n")
    assert memory.ingest(log) == 1
    assert sorted(memory.messages.values()) == sorted(
        ["one", "two is not fin", "two is not finished", "three", "four"]
    )
    assert [p.lines for p in memory.positions.values()] == [4]


def test_a_resumed_table_keeps_its_header(tmp_path: Path, memory: Memory) -> None:
    table = tmp_path / "app.csv"
    table.write_text('time,text\n2026-01-01,one\n2026-01-01,"two\nlines"\n')
    assert memory.ingest(table, format="auto") == 2
    with table.open("a") as file:
        file.write("2026-01-01,three\n")
    assert memory.ingest(table, format="auto") == 1
    assert set(memory.messages.values()) == {"one", "two\nlines", "three"}


HOSTILE = {
    "fine": (b"fine", None),
    "utf8": (b"caf\xc3\xa9", None),
    "latin1": (b"caf\xe9", "broken_encoding"),
    "bytes": (b"\xff\xff\xff", "broken_encoding"),
    "nul": (b"nul \0 byte", "binary"),
    "nuls": (b"\0\0\0\0", "binary"),
    "future": (b"2999-01-01 00:00:00 too early", "future_date"),
    "long": (b"x" * (SETTINGS.max_line_bytes + 1), "line_too_long"),
    "just fits": (b"x" * (SETTINGS.max_line_bytes - 1), None),
    "empty": (b"", "blank"),
    "spaces": (b"  ", "blank"),
    "cr": (b"\r", "blank"),
}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*HOSTILE]), max_size=12), st.booleans())
def test_what_is_wrong_goes_to_quarantine_and_the_rest_goes_on(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], crlf: bool
) -> None:
    log = tmp_path_factory.mktemp("hostile") / "app.log"
    rows = [HOSTILE[name] for name in names]
    log.write_bytes((b"\r\n" if crlf else b"\n").join([*(row for row, _ in rows), b"end"]))
    memory = Memory()
    memory.ingest(log)
    expected = [(reason, n) for n, (_, reason) in enumerate(rows, 1)]
    assert memory.rejected == [pair for pair in expected if pair[0] not in (None, "blank")]
    assert len(memory.messages) == 1 + sum(reason is None for _, reason in rows)
    assert memory.lines == 1 + sum(reason != "blank" for _, reason in rows)


@given(
    st.binary(max_size=200), st.sampled_from(["text", "jsonl", "csv", "syslog", "journal", "otlp"])
)
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise_and_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:
    log = tmp_path_factory.mktemp("bytes") / "app.log"
    log.write_bytes(content)
    Memory().ingest(log, format=kind)


def test_ten_megabytes_in_one_line_stay_out_of_memory(tmp_path: Path, memory: Memory) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"before\n" + b"x" * 10_000_000 + b"\nafter\n")
    tracemalloc.start()
    memory.ingest(log)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000
    assert memory.rejected == [("line_too_long", 2)]
    assert set(memory.messages.values()) == {"before", "after"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("pump on".encode("utf-16"), "utf16"),
        (b"\x7fELF\x02\x01\0\0", "binary_file"),
        (b"\x1f\x8b\x08\0\0", "binary_file"),
    ],
)
def test_files_that_are_no_text_give_one_row_once(
    tmp_path: Path, memory: Memory, content: bytes, reason: str
) -> None:
    (tmp_path / "x.log").write_bytes(content)
    (tmp_path / "y.log").write_text("fine\n")
    assert memory.ingest(tmp_path) == 1
    assert memory.ingest(tmp_path) == 0
    assert memory.rejected == [(reason, 0)]


def test_a_torn_gzip_gives_what_it_has_and_says_so(tmp_path: Path, memory: Memory) -> None:
    packed = gzip.compress(os.urandom(400_000).hex().encode() + b"\n")
    (tmp_path / "app.log.gz").write_bytes(packed[: len(packed) // 2])
    memory.ingest(tmp_path)
    assert [reason for reason, _ in memory.rejected] == ["unreadable"]


def test_a_byte_order_mark_is_no_text(tmp_path: Path, memory: Memory) -> None:
    (tmp_path / "app.log").write_bytes(b"\xef\xbb\xbfpump on\n")
    memory.ingest(tmp_path)
    assert list(memory.messages.values()) == ["pump on"]


def test_paths(tmp_path: Path, memory: Memory) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("a.log", "deep/b.log", "deep/er/c.log", ".hidden", "deep/.git"):
        (tmp_path / name).write_text(f"{name}\n")
    assert memory.ingest(tmp_path, tmp_path / "a.log", f"{tmp_path}/**/*.log") == 3
    assert memory.lines == 3, "a file named twice is read once"
    with pytest.raises(InputError, match=r"nowhere\.log"):
        memory.ingest(tmp_path / "nowhere.log")
    with pytest.raises(InputError, match="no file matches"):
        memory.ingest(f"{tmp_path}/*.nothing")


def test_a_file_name_that_is_not_utf8(tmp_path: Path, memory: Memory) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.log")).write_text("pump on\n")
    assert memory.ingest(tmp_path, source=None) == 1
    assert memory.ingest(tmp_path, source=None) == 0
    assert memory.lines == 1
    (position,) = memory.positions.values()
    assert (position.source, position.path) == ("caf\\xe9", str(tmp_path / "caf\\xe9.log"))


def test_the_source_is_the_file_name_unless_given(tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text("pump on\n")
    path = [str(tmp_path / "web.log")]
    assert next(read(path, IngestOptions(), SETTINGS, MASKER)).messages[0].source == "web"
    given = next(read(path, IngestOptions(source="x"), SETTINGS, MASKER))
    assert given.messages[0].source == "x"


def test_standard_input_has_a_stable_identity() -> None:
    def ids(content: bytes) -> list[str]:
        batches = read(["-"], IngestOptions(), SETTINGS, MASKER, stdin=io.BytesIO(content))
        return [m.message_id for batch in batches for m in batch.messages]

    once = ids(b"a 1\na 1\nb\n")
    assert len(set(once)) == 3
    assert ids(b"a 1\na 1\nb\n") == once
    assert not set(ids(b"other\na 1\nb\n")) & set(once)


def test_a_pipe_yields_what_it_has_about_every_second() -> None:
    out, into = os.pipe()
    with os.fdopen(out, "rb") as stream, os.fdopen(into, "wb", buffering=0) as pipe:
        pipe.write(b"pump on\n")
        start = time.monotonic()
        batches = read(["-"], IngestOptions(), SETTINGS, MASKER, stdin=stream)
        assert [m.text for m in next(batches).messages] == ["pump on"]
        assert time.monotonic() - start < 5
        pipe.write(b"pump off\n")
        pipe.close()
        assert [m.text for batch in batches for m in batch.messages] == ["pump off"]


def test_follow_sees_growth_rotation_and_new_files(tmp_path: Path, memory: Memory) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\nhalf")
    ended = threading.Event()
    options = IngestOptions(source="app", format="text", follow=True)
    batches = read([str(tmp_path)], options, SETTINGS, MASKER, memory.known, stop=ended.is_set)

    def run() -> None:
        for batch in batches:
            memory.take(batch)

    thread = threading.Thread(target=run)
    thread.start()

    def wait_for(*texts: str) -> None:
        deadline = time.monotonic() + 20
        while set(memory.messages.values()) != set(texts) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert set(memory.messages.values()) == set(texts)

    try:
        wait_for("one")
        with log.open("a") as file:
            file.write(" a line\n")
        wait_for("one", "half a line")
        with log.open("a") as file:
            file.write("tail\n")
        log.rename(tmp_path / "app.log.1")
        log.write_text("new\n")
        (tmp_path / "other.log").write_text("other\n")
        wait_for("one", "half a line", "tail", "new", "other")
    finally:
        ended.set()
        thread.join(10)
    assert memory.lines == 5


@given(st.lists(st.binary(max_size=12), max_size=8), st.integers(1, 6))
def test_lines_are_the_same_however_the_bytes_arrive(rows: list[bytes], limit: int) -> None:
    content = b"\n".join(rows)
    whole = list(split_lines([content] if content else [], 0, limit))
    single = list(split_lines([content[i : i + 1] for i in range(len(content))], 0, limit))
    assert whole == single
    assert [line.length for line in whole if line] == [
        len(row)
        for row in (content.split(b"\n")[:-1] if content.endswith(b"\n") else content.split(b"\n"))
    ][: len(whole)]
    assert not whole or whole[-1].end == len(content)


def test_records_of_a_request() -> None:
    records = [
        {"message": "pump 1 on", "host": "p1", "level": "warn", "extra": 3},
        "pump 2 on",
        {"nothing": 1},
        7,
        {"text": "half \ud800"},
        {"text": "x", "id": "a"},
        {"text": "y", "id": "a"},
        {"text": "x" * (SETTINGS.max_line_bytes + 1)},
    ]
    batch = parse_records(records, "api", IngestOptions(), SETTINGS, MASKER, stream="r1")
    assert [m.text for m in batch.messages] == ["pump 1 on", "pump 2 on", "x"]
    assert batch.messages[0].device == "p1"
    assert batch.messages[0].severity == "warning"
    assert batch.messages[0].attributes == {"extra": 3}
    assert len(batch.patterns) == 2
    assert [(r.position, r.reason) for r in batch.rejected] == [
        (3, "missing_text"),
        (4, "not_an_object"),
        (5, "broken_encoding"),
        (7, "duplicate_id"),
        (8, "line_too_long"),
    ]
    assert batch.lines == 8
    again = parse_records(records, "api", IngestOptions(), SETTINGS, MASKER, stream="r1")
    other = parse_records(records, "api", IngestOptions(), SETTINGS, MASKER, stream="r2")
    assert again.messages == batch.messages
    assert other.messages[0].message_id != batch.messages[0].message_id


@pytest.mark.parametrize("form", ["text", "syslog", "jsonl"])
def test_the_clock_goes_on_while_standard_input_flows(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Ten days later, after a silence, today's messages are not of the future, nor a year old."""
    clock = [datetime(2025, 12, 28)]
    monkeypatch.setattr("genlab.ingest.assemble.latest_time", lambda settings: clock[0])
    monkeypatch.setattr("genlab.ingest.reader.latest_time", lambda settings: clock[0])
    monkeypatch.setattr("genlab.ingest.reader.FLUSH_SECONDS", 0.2)
    lines = {
        "text": ["Dec 27 10:00:00 x", "Jan 06 10:00:00 y"],
        "syslog": ["<13>Dec 27 10:00:00 h a: x", "<13>Jan  6 10:00:00 h a: y"],
        "jsonl": [f'{{"text": "x", "time": "{t}"}}' for t in ("2025-12-27", "2026-01-06")],
    }[form]
    receive, send = os.pipe()

    def feed() -> None:
        with os.fdopen(send, "wb", buffering=0) as pipe:
            pipe.write(lines[0].encode() + b"\n")
            time.sleep(1.0)
            clock[0] = datetime(2026, 1, 7)
            time.sleep(1.0)
            pipe.write(lines[1].encode() + b"\n")

    feeder = threading.Thread(target=feed)
    feeder.start()
    options = IngestOptions(format=form, follow=True)  # type: ignore[arg-type]
    with os.fdopen(receive, "rb") as stream:
        batches = list(read(["-"], options, SETTINGS, MASKER, stdin=stream))
    feeder.join()
    found = [m.occurred_at for b in batches for m in b.messages]
    assert [at.date().isoformat() for at in found if at] == ["2025-12-27", "2026-01-06"]


def test_the_memory_of_given_ids_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.ingest.assemble._MEMORY", 100)
    assembler = Assembler("s", "-", "f", MASKER, 1000, lambda: datetime(2026, 1, 1))
    for i in range(5000):
        assembler.add([Fields("x", f"id {i}"), Fields("x", f"id {max(0, i - 99)}")], i, "raw")
        assert len(assembler._given) + len(assembler._given_before) <= 200
    batch = assembler.take(None)
    assert (len(batch.messages), len(batch.rejected)) == (5000, 5000)
