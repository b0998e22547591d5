"""The owner and its clients as real processes: killed, frozen, raced, lied to."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.flight as flight
import pytest
from helpers import batch, events

from genlab.config import Settings, StoreSettings, load_settings
from genlab.errors import StoreError, StoreUnavailable
from genlab.store import Store, Workspace, connect
from genlab.store.engine import Engine
from genlab.store.workspace import write_service_file

GESTURE = {"how": "key", "annotator": "ann", "seen": None}
KILLS = 5
CHECKS = ("doubled_messages", "doubled_patterns", "wrong_counts", "messages_without_pattern")


def start_owner(folder: Path) -> subprocess.Popen[str]:
    """``python -m genlab.store``, once it says that it is ready."""
    owner = subprocess.Popen(
        [sys.executable, "-m", "genlab.store", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert "ready" in owner.stdout.readline()
    return owner


@contextmanager
def running_owner(folder: Path) -> Iterator[subprocess.Popen[str]]:
    owner = start_owner(folder)
    try:
        yield owner
    finally:
        owner.send_signal(signal.SIGCONT)
        owner.terminate()
        owner.wait(timeout=20)


@pytest.fixture
def brief(settings: Settings) -> StoreSettings:
    """A client that gives up early."""
    return settings.store.model_copy(update={"timeout_seconds": 1.0, "retry_seconds": 1.0})


def test_killed_owner_loses_and_doubles_nothing(tmp_path: Path, settings: Settings) -> None:
    """SIGKILL in the middle of writes; clients only know what was acknowledged to them."""
    folder = tmp_path / "w"
    owner = start_owner(folder)
    labelled: list[str] = []
    ingested: list[int] = []
    errors: list[BaseException] = []
    stop = threading.Event()
    with connect(folder, settings.store, may_own=False) as store:
        store.write("messages.ingest_batch", batch([f"t{i}" for i in range(300)]))

    def label() -> None:
        try:
            with connect(folder, settings.store, may_own=False) as store:
                number = 0
                while not stop.is_set():
                    event = {f"p-t{number % 300}": f"label {number % 7}"}
                    group = f"g{number}"
                    store.write("labels.append", events(event, group), group_id=group, **GESTURE)
                    labelled.append(f"{group}-p-t{number % 300}")
                    number += 1
        except BaseException as error:
            errors.append(error)

    def ingest() -> None:
        try:
            with connect(folder, settings.store, may_own=False) as store:
                start = 1000
                while not stop.is_set():
                    texts = [f"t{i % 400}" for i in range(start, start + 500)]
                    answer = store.write("messages.ingest_batch", batch(texts, start))
                    assert answer["messages"] == 500, "a repeated write answers as the first did"
                    ingested.append(start)
                    start += 500
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=label), threading.Thread(target=ingest)]
    for thread in threads:
        thread.start()
    for _ in range(KILLS):
        acknowledged = len(labelled), len(ingested)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and (
            len(labelled) < acknowledged[0] + 5 or len(ingested) < acknowledged[1] + 2
        ):
            time.sleep(0.01)
        owner.kill()
        owner.wait()
        owner = start_owner(folder)
    stop.set()
    for thread in threads:
        thread.join(timeout=60)
    owner.kill()
    owner.wait()
    assert errors == []
    assert len(labelled) >= 5 * KILLS
    with connect(folder, settings.store) as store:
        for check in CHECKS:
            assert store.rows(f"checks.{check}") == [], check
        wanted = {f"m{i}" for i in range(300)}
        wanted |= {f"m{start + i}" for start in ingested for i in range(500)}
        assert store.rows("messages.totals")[0]["messages"] == len(wanted)
        found = store.read("messages.predictions")["message_id"]
        assert set(found.to_pylist()) == wanted
    engine = Engine(Workspace(folder).database)
    with engine._con.cursor() as cursor:  # no named read lists raw events
        stored = [row[0] for row in cursor.execute("SELECT event_id FROM label_event").fetchall()]
    engine.close()
    assert sorted(stored) == sorted(labelled), "each acknowledged label exactly once, no other"


def test_a_write_whose_answer_was_lost_is_answered_to_another_client(tmp_path: Path) -> None:
    with running_owner(tmp_path), connect(tmp_path, may_own=False) as one:
        first = one.write("messages.ingest_batch", batch(["a", "b"]), key="k")
        with connect(tmp_path, may_own=False) as two:
            again = two.write("messages.ingest_batch", batch(["a", "b"]), key="k")
        assert again == first == {"messages": 2, "patterns": 2, "rejected": 0}
        with ThreadPoolExecutor(8) as pool:
            same = [
                pool.submit(one.write, "messages.ingest_batch", batch(["c"], start=2), key="same")
                for _ in range(8)
            ]
        for done in same:
            assert done.result() == {"messages": 1, "patterns": 1, "rejected": 0}
        assert one.rows("messages.totals")[0]["messages"] == 3


def test_frozen_owner_is_noticed_and_used_again(tmp_path: Path, brief: StoreSettings) -> None:
    with running_owner(tmp_path) as owner, connect(tmp_path, brief, may_own=False) as store:
        store.write("messages.ingest_batch", batch(["a"]))
        owner.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match="genlab doctor"):
            store.rows("messages.totals")
        assert time.monotonic() - started < 10
        owner.send_signal(signal.SIGCONT)
        assert store.rows("messages.totals")[0]["messages"] == 1


def test_write_sent_to_a_frozen_owner_is_done_once(tmp_path: Path, settings: Settings) -> None:
    """The call times out and is repeated; the frozen owner wakes up and finds both."""
    patient = settings.store.model_copy(update={"timeout_seconds": 1.0})
    with running_owner(tmp_path) as owner, connect(tmp_path, patient, may_own=False) as store:
        store.write("messages.ingest_batch", batch(["a"]))
        owner.send_signal(signal.SIGSTOP)
        threading.Timer(3.0, owner.send_signal, [signal.SIGCONT]).start()
        answer = store.write("messages.ingest_batch", batch(["a", "b"], start=1))
        assert answer == {"messages": 2, "patterns": 1, "rejected": 0}
        assert store.rows("messages.totals")[0]["messages"] == 3
        assert store.rows("checks.wrong_counts") == []


def test_owner_killed_while_a_client_reads(tmp_path: Path, settings: Settings) -> None:
    owner = start_owner(tmp_path)
    with connect(tmp_path, settings.store, may_own=False) as store:
        store.write("messages.ingest_batch", batch([f"t{i}" for i in range(3000)]))
        with ThreadPoolExecutor(4) as pool:
            reads = [pool.submit(store.read, "patterns.all") for _ in range(40)]
            time.sleep(0.05)
            owner.kill()
            owner.wait()
            with running_owner(tmp_path):
                assert {read.result().num_rows for read in reads} == {3000}


COMMAND = """
import sys, time
from genlab.store import connect
sys.path.insert(0, {helpers!r})
from helpers import batch
start = int(sys.argv[2])
with connect(sys.argv[1]) as store:
    for i in range(20):
        store.write("messages.ingest_batch", batch([f"t{{start + i}}"], start + i))
        time.sleep(0.02)
    print(store.owned_elsewhere())
"""


def test_commands_started_at_once_share_one_workspace(tmp_path: Path) -> None:
    """Nobody owns the workspace: one becomes the owner, and when it ends another takes over."""
    script = COMMAND.format(helpers=str(Path(__file__).parent))
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), str(100 * i)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(3)
    ]
    for command in commands:
        _, complaint = command.communicate(timeout=60)
        assert command.returncode == 0, complaint
    with connect(tmp_path) as store:
        assert store.rows("messages.totals")[0]["messages"] == 60
        assert store.rows("checks.wrong_counts") == []


def test_second_command_takes_over_when_the_first_ends(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from genlab.store import connect\n"
            "with connect(sys.argv[1]) as store:\n"
            "    store.read('checks.alive'); print('in', flush=True); input()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "in\n"
    with connect(tmp_path) as second:
        assert second.owned_elsewhere()
        second.write("messages.ingest_batch", batch(["a"]))
        first.communicate("\n", timeout=30)
        assert second.rows("messages.totals")[0]["messages"] == 1
        assert not second.owned_elsewhere()


def test_stale_owner_file_with_a_recycled_pid(tmp_path: Path) -> None:
    """The pid runs, but is not the owner: the port does not answer, so the file is not believed."""
    workspace = Workspace(tmp_path)
    with connect(workspace) as store:
        store.write("messages.ingest_batch", batch(["a"]))
        kept = json.loads(workspace.owner_file.read_text())
    workspace.owner_file.write_text(json.dumps({**kept, "pid": os.getppid(), "port": 9}))
    with connect(workspace) as store:
        assert store.rows("messages.totals")[0]["messages"] == 1
        assert json.loads(workspace.owner_file.read_text())["pid"] == os.getpid()
    for broken in ("", "{", "[]", '{"pid": "x", "port": 1}'):
        workspace.owner_file.write_text(broken)
        with connect(workspace) as store:
            assert store.rows("messages.totals")[0]["messages"] == 1, broken


def test_second_owner_is_refused_in_one_line(tmp_path: Path) -> None:
    with running_owner(tmp_path):
        second = subprocess.run(
            [sys.executable, "-m", "genlab.store", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert second.returncode == 1
        assert "held by another process" in second.stderr
        assert "Traceback" not in second.stderr


def test_wrong_token_is_told(tmp_path: Path) -> None:
    with running_owner(tmp_path):
        token_file = tmp_path / "owner.token"
        kept = token_file.read_text()
        assert token_file.stat().st_mode & 0o077 == 0, "for its user only"
        token_file.write_text("another")
        with (
            connect(tmp_path, may_own=False) as store,
            pytest.raises(StoreError, match=r"refuses the token.*genlab down"),
        ):
            store.read("checks.alive")
        token_file.write_text(kept)
        port = json.loads((tmp_path / "owner.json").read_text())["port"]
        bare = flight.connect(f"grpc://127.0.0.1:{port}")
        with pytest.raises(flight.FlightUnauthenticatedError):
            list(bare.do_action(flight.Action("ping", b"")))


REFUSED: list[tuple[str, str, dict[str, Any], dict[str, pa.Table] | None]] = [
    ("read", "labels.nope", {}, None),
    ("read", "jobs.list", {}, None),
    ("read", "jobs.list", {"limit": "many"}, None),
    ("read", "messages.ingest_batch", {}, None),
    ("write", "jobs.list", {"limit": 1}, None),
    ("write", "model_versions.add_epoch", {}, None),
    ("write", "model_versions.add_epoch", {}, {"in_epochs": pa.table({"x": [1]})}),
]


def test_errors_read_the_same_over_flight(tmp_path: Path) -> None:
    def said(store: Store) -> list[str]:
        texts = []
        for kind, name, params, inputs in REFUSED:
            given = () if kind == "read" else (inputs,)
            with pytest.raises(StoreError) as caught:
                getattr(store, kind)(name, *given, **params)
            texts.append(str(caught.value))
        return texts

    with connect(tmp_path) as store:
        local = said(store)
    with running_owner(tmp_path), connect(tmp_path, may_own=False) as store:
        assert said(store) == local


def test_malformed_requests_are_refused(tmp_path: Path) -> None:
    with running_owner(tmp_path), connect(tmp_path, may_own=False) as store:
        store.read("checks.alive")
        client, options = store._client, store._options
        assert client is not None
        for body in (b"", b"\x01", b"\x04\x00\x00\x00null", b"\x02\x00\x00\x00{}"):
            with pytest.raises(flight.FlightServerError, match="malformed"):
                list(client.do_action(flight.Action("write", body), options))
            with pytest.raises(flight.FlightServerError, match="malformed"):
                client.do_get(flight.Ticket(body), options).read_all()
        with pytest.raises(flight.FlightServerError, match="known: ping, write, backup"):
            list(client.do_action(flight.Action("drop", b""), options))
        assert store.rows("checks.alive") == [{"alive": 1}], "and goes on serving"


def test_sixteen_clients_at_once(tmp_path: Path, settings: Settings) -> None:
    def work(client: int) -> int:
        with connect(tmp_path, settings.store, may_own=False) as store:
            for i in range(8):
                at = 100 * client + i
                store.write("messages.ingest_batch", batch([f"t{i}", f"own{client}"], 2 * at))
                store.read("patterns.all")
                group = f"g{client}-{i}"
                store.write(
                    "labels.append",
                    events({f"p-t{i}": f"label {i}", f"p-own{client}": f"l{client}"}, group),
                    group_id=group,
                    **GESTURE,
                )
        return 16

    with running_owner(tmp_path):
        with ThreadPoolExecutor(16) as pool:
            sent = sum(pool.map(work, range(16)))
        with connect(tmp_path, may_own=False) as store:
            assert store.rows("messages.totals")[0]["messages"] == sent
            assert store.rows("checks.wrong_counts") == []
            current = {r["pattern_id"]: r["label"] for r in store.rows("labels.current")}
            assert current == {f"p-t{i}": f"label {i}" for i in range(8)} | {
                f"p-own{c}": f"l{c}" for c in range(16)
            }
            names = [row["name"] for row in store.rows("labels.list")]
            assert len(names) == len(set(names)) == 24


def test_large_inputs_and_answers_travel(tmp_path: Path) -> None:
    """40 MB in, and out again: more than gRPC's usual 4 MB."""
    wide, rows = 1024, 10_000
    values = pa.array(np.arange(wide * rows, dtype=np.float32))
    offsets = pa.array(np.arange(0, wide * rows + 1, wide, dtype=np.int32))
    vectors = pa.table(
        {
            "pattern_id": [f"p-t{i}" for i in range(rows)],
            "vector": pa.ListArray.from_arrays(offsets, values),
        }
    )
    with running_owner(tmp_path), connect(tmp_path, may_own=False) as store:
        store.write("messages.ingest_batch", batch([f"t{i}" for i in range(rows)]))
        put: dict[str, Any] = {"encoder_version": "e", "name": "n", "dimension": wide}
        assert store.write("embeddings.add", {"in_vectors": vectors}, **put)["vectors"] == rows
        back = store.read("embeddings.all", encoder_version="e")
        at = {p: i for i, p in enumerate(back["pattern_id"].to_pylist())}
        assert back["vector"][at["p-t9999"]].as_py()[-1] == float(wide * rows - 1)


def test_checkpoint_and_close_while_readers_run(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    engine = Engine(path)
    engine.write("messages.ingest_batch", {}, batch([f"t{i}" for i in range(2000)]))
    stop = threading.Event()
    found: list[int] = []
    errors: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                found.append(engine.read("patterns.all").num_rows)
            except Exception as error:
                errors.append(error)

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(read)
        folded = 0
        for i in range(8):
            engine.write("messages.ingest_batch", {}, batch([f"t{i}"], 2000 + i))
            folded += engine.checkpoint()
        stop.set()
    engine.close()
    assert errors == []
    assert set(found) == {2000}
    assert folded > 0
    again = Engine(path)
    assert again.read("messages.totals").to_pylist()[0]["messages"] == 2008
    again.close()


@pytest.mark.slow
def test_memory_of_the_owner_stays_flat(tmp_path: Path) -> None:
    def resident_mb(pid: int) -> float:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    with running_owner(tmp_path) as owner, connect(tmp_path, may_own=False) as store:
        job: dict[str, Any] = {"job_id": "j", "done": 1.0, "total": 2.0, "detail": "x"}
        sizes = []
        for i in range(10_000):
            store.write("jobs.progress", **job)
            if i in (2_000, 9_999):
                sizes.append(resident_mb(owner.pid))
        assert sizes[1] - sizes[0] < 60, f"found {sizes} MB after 2,000 and 10,000 writes"


def test_a_token_is_never_read_empty(tmp_path: Path) -> None:
    """Every one of many at once gets the one token, also when a crash left the file empty."""
    for folder, left in (("new", False), ("crashed", True)):
        workspace = Workspace(tmp_path / folder)
        if left:
            (workspace.folder / "owner.token").touch(mode=0o600)
        with ThreadPoolExecutor(16) as pool:
            tokens = set(pool.map(Workspace.token, [Workspace(tmp_path / folder)] * 64))
        assert len(tokens) == 1
        assert len(tokens.pop()) >= 32


def test_a_stale_up_file_with_a_living_pid_stops_nobody(tmp_path: Path) -> None:
    settings = load_settings(overrides=["store.retry_seconds=0.3"])
    workspace = Workspace(tmp_path)
    write_service_file(workspace.up_file, services={})  # names this process, as a reused pid would
    with connect(workspace, settings.store) as store:
        assert store.rows("checks.alive") == [{"alive": 1}]
    with workspace.up_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            connect(workspace, settings.store) as store,
            pytest.raises(StoreUnavailable, match="genlab up"),
        ):
            store.rows("checks.alive")


def test_a_wrong_setting_of_the_store_is_named(tmp_path: Path) -> None:
    for _ in range(2):  # the refused file is let go
        with pytest.raises(StoreError, match=r"store\.checkpoint_threshold: found 'abc'"):
            Engine(tmp_path / "x.duckdb", checkpoint_threshold="abc")
    Engine(tmp_path / "x.duckdb").close()
