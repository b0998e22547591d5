"""The command line: help, exit codes, errors in one line, JSON that parses."""

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner

from genlab.cli import genlab, main

GENLAB = [sys.executable, "-m", "genlab.cli"]
SMALL = [
    *("--set", "model.hidden=32"),
    *("--set", "model.components=16"),
    *("--set", "training.epochs=2"),
]
PREDICTED = [
    "message_id",
    "pattern_id",
    "label",
    "confidence",
    "labels",
    "component",
    "responsibility",
    "s_ood",
    "novelty_p",
    "verdict",
]


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Like run, but ``genlab.cli.main`` in this process: the same ends without the start-up."""

    def call(*arguments: str | Path, home: Path, stdin: bytes = b"") -> Done:
        monkeypatch.setenv("GENLAB_HOME", str(home))
        monkeypatch.delenv("GENLAB_SET", raising=False)
        monkeypatch.setattr(sys, "argv", ["genlab", *map(str, arguments)])
        with tempfile.TemporaryFile() as file:
            file.write(stdin)
            file.seek(0)
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file, encoding="utf-8"))
            capfd.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture
def ok_here(here: Callable[..., Done]) -> Callable[..., str]:
    """What a command that must succeed prints."""

    def call(*arguments: str | Path, home: Path, stdin: bytes = b"") -> str:
        done = here(*arguments, home=home, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def run(*arguments: str | Path, home: Path, stdin: bytes = b"", timeout: float = 120) -> Done:
    """Run a command in a process of its own on the workspace ``home``."""
    environment = {**os.environ, "GENLAB_HOME": str(home), "OMP_NUM_THREADS": "1"}
    environment.pop("GENLAB_SET", None)
    done = subprocess.run(
        [*GENLAB, *map(str, arguments)],
        env=environment,
        input=stdin,
        capture_output=True,
        timeout=timeout,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def ok(*arguments: str | Path, home: Path, **more) -> str:
    done = run(*arguments, home=home, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def all_commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []

    def walk(command: click.Command, path: tuple[str, ...]) -> None:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                walk(child, (*path, name))
        else:
            found.append(path)

    walk(genlab, ())
    return found


@pytest.mark.parametrize("path", all_commands(), ids=" ".join)
def test_every_command_explains_itself_by_example(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(genlab, [*path, "--help"])
    assert result.exit_code == 0, result.output
    assert "Example:" in result.output
    assert f"genlab {' '.join(path)}" in result.output.partition("Example:")[2]
    assert "--workspace" in result.output


def test_every_command_of_the_design_is_there() -> None:
    names = {" ".join(path) for path in all_commands()}
    expected = (
        "demo up down ingest train score promote rollback versions suggest predict status doctor "
        "backup restore"
    )
    assert set(expected.split()) <= names
    assert {"label import", "label export", "export predictions", "bench throughput"} <= names


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["label", "--help"]])
def test_help_and_version_in_a_process(arguments: list[str], tmp_path: Path) -> None:
    assert ok(*arguments, home=tmp_path / "none")
    assert not (tmp_path / "none").exists()  # asking for help makes no workspace


def test_help_does_not_load_torch(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom genlab.cli import genlab\n"
        "for name in genlab.list_commands(None): genlab.get_command(None, name)\n"
        "sys.exit('torch' in sys.modules or 'prefect' in sys.modules or 'dash' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["ingest"],
        ["ingest", "x", "--format", "xml"],
        ["train", "--epochs", "0"],
        ["promote", "three"],
        ["suggest", "-n", "0"],
        ["status", "--no-such-option"],
        ["label", "import"],
        ["demo", "--messages", "-5"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(arguments: list[str], tmp_path: Path, here: Callable[..., Done]) -> None:
    done = here(*arguments, home=tmp_path / "w")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Usage:" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ingest", "nowhere.log"], "nowhere.log"),
        (["label", "import", "nowhere.csv"], "nowhere.csv"),
        (["predict", "nowhere.jsonl"], "nowhere.jsonl"),
        (["restore", "nowhere.tar"], "nowhere.tar"),
        (["status", "--set", "model.no_such=1"], "model.no_such"),
        (["status", "--set", "nothing"], "section.name=value"),
        (["status", "--set", "model.latent_dim=many"], "model.latent_dim"),
        (["train", "--components", "none", "--epochs", "1"], "model.components"),
        (["promote", "7"], "no version 7"),
        (["rollback"], "nothing to roll back"),
        (["suggest"], "genlab train"),
        (["score"], "genlab train"),
        (["train"], "genlab ingest"),
        (["export", "predictions", "x.xlsx"], ".parquet"),
        (["export", "predictions", "/nonexistent/x.csv"], "/nonexistent/x.csv"),
        (["label", "export", "/nonexistent/x.csv"], "/nonexistent/x.csv"),
        (["ingest", "/dev/null", "--workspace", "/proc/nothing"], "/proc/nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_problem_is_one_line_and_1(
    arguments: list[str], said: str, tmp_path: Path, here: Callable[..., Done]
) -> None:
    done = here(*arguments, home=tmp_path / "w")
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"), [(["promote", "7"], 1), (["no-such-command"], 2), (["status"], 0)]
)
def test_exit_codes_of_a_process(arguments: list[str], code: int, tmp_path: Path) -> None:
    done = run(*arguments, home=tmp_path / "w")
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_predict_before_a_model_is_named(tmp_path: Path, here: Callable[..., Done]) -> None:
    done = here("predict", home=tmp_path / "w", stdin=b'{"text": "x"}\n')
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "genlab train" in done.stderr


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_workspace_that_is_a_file_is_named(
    tmp_path: Path, by: str, here: Callable[..., Done]
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    arguments = ["status", "--workspace", str(file)] if by == "option" else ["status"]
    done = here(*arguments, home=file)
    assert done.returncode == 1
    assert done.stderr.strip() == f"genlab: {file} is a file: a workspace is a directory"


def test_standard_input_and_json(tmp_path: Path, ok_here: Callable[..., str]) -> None:
    home = tmp_path / "w"
    lines = b"pump 1 low\npump 2 low\n\xff\xfe\ndisk full\n"
    done = json.loads(ok_here("ingest", "-", "--json", home=home, stdin=lines))
    assert done == {"lines": 4, "messages": 3, "patterns": 2, "quarantined": 1}
    found = json.loads(ok_here("status", "--json", home=home))
    assert (found["messages"], found["patterns"], found["quarantined"]) == (3, 2, 1)
    assert found["active_version"] is None
    assert json.loads(ok_here("versions", "--json", home=home)) == []
    assert json.loads(ok_here("doctor", "--json", home=home)) == {
        "problems": [],
        "stale_jobs_ended": [],
    }
    readable = ok_here("status", home=home)
    assert "3 in 2 patterns" in readable


def test_json_fields_are_mapped(tmp_path: Path, ok_here: Callable[..., str]) -> None:
    home, path = tmp_path / "w", tmp_path / "odd.jsonl"
    row = {"k": "id-1", "when": "2026-01-02T03:04:05Z", "who": "pump-3", "how": "ERROR", "m": "hot"}
    path.write_text(json.dumps(row) + "\n")
    fields = ["--text-field", "m", "--id-field", "k", "--time-field", "when"]
    fields += ["--device-field", "who", "--severity-field", "how", "--source", "odd"]
    ok_here("ingest", path, *fields, home=home)
    out = tmp_path / "out.jsonl"
    ok_here("export", "predictions", out, home=home)
    (message,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert (message["message_id"], message["device"], message["severity"]) == (
        "id-1",
        "pump-3",
        "error",
    )
    assert message["occurred_at"].startswith("2026-01-02 03:04:05")
    assert (message["source"], message["text"], message["label"]) == ("odd", "hot", None)


def test_predict_in_and_out(fitted_folder: Path) -> None:
    records = [
        '{"text": "Pump 7 pressure low", "message_id": "a-1", "extra": [1, 2]}',
        "",
        "just a line of text",
        '{"text": "nothing like it <script>alert(1)</script>"}',
    ]
    stdin = "\n".join(records).encode() + b"\n"
    answers = [
        json.loads(line)
        for line in ok("predict", home=fitted_folder, stdin=stdin).split("\n")
        if line
    ]
    assert [each["message_id"] for each in answers] == ["a-1", None, None]
    for each in answers:
        assert list(each) == PREDICTED
        assert each["verdict"] in ("known", "unnamed", "between", "novel")
        assert each["labels"] == []
        assert 0 < each["novelty_p"] <= 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"text": "half', "line 2: not JSON"),
        (b'{"message": "x"}', "line 2: found fields"),
        (b'{"text": 5}', "line 2: found fields"),
        (b"\xff\xfe\n", "not UTF-8"),
        (b'{"a":' * 100_000, "line 2: not JSON"),
    ],
)
def test_a_line_that_is_no_record_is_named(
    fitted_folder: Path, line: bytes, said: str, here: Callable[..., Done]
) -> None:
    done = here("predict", home=fitted_folder, stdin=b'{"text": "x"}\n' + line + b"\n")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr[-500:]
    assert said in done.stderr


def test_json_of_every_command_that_prints_a_result(
    fitted_folder: Path, tmp_path: Path, ok_here: Callable[..., str]
) -> None:
    messages = tmp_path / "out.jsonl"
    ok_here("export", "predictions", messages, home=fitted_folder)
    first = json.loads(messages.read_text().splitlines()[0])
    labels = tmp_path / "labels.csv"
    labels.write_text(f"message_id,label\n{first['message_id']},seen\nnowhere,lost\n")
    done = json.loads(ok_here("label", "import", labels, "--json", home=fitted_folder))
    assert (done["rows"], done["labelled_patterns"], done["unmatched"]) == (2, 1, ["nowhere"])
    asked = json.loads(ok_here("suggest", "-n", "3", "--json", home=fitted_folder))
    suggested, outlook = asked["questions"], asked["outlook"]
    assert len(suggested) == 3
    assert outlook["pays"] == (outlook["upper"] >= outlook["threshold"])
    assert first["pattern_id"] not in {each["pattern_id"] for each in suggested}
    scored = json.loads(ok_here("score", "--json", home=fitted_folder))
    assert scored == {
        "version": 1, "embedded": 0, "scored": 0, "novel": 0, "shadows": {}, "problems": []
    }  # fmt: skip
    (version,) = json.loads(ok_here("versions", "--json", home=fitted_folder))
    assert (version["version"], version["status"]) == (1, "active")
    assert version["metrics"]["messages"] == 400
    exported = tmp_path / "exported.csv"
    ok_here("label", "export", exported, home=fitted_folder)
    assert len(exported.read_text().splitlines()) == 2
    for command in ("suggest", "versions", "status", "doctor"):
        assert ok_here(command, home=fitted_folder).strip()


def test_backup_restore_and_doctor(
    fitted_folder: Path, tmp_path: Path, here: Callable[..., Done], ok_here: Callable[..., str]
) -> None:
    archive, other = tmp_path / "b.tar", tmp_path / "other"
    ok_here("backup", archive, home=fitted_folder)
    ok_here("restore", archive, home=other)
    keys = ("messages", "patterns", "active_version", "verdicts", "by_source")
    before, after = (
        json.loads(ok_here("status", "--json", home=home)) for home in (fitted_folder, other)
    )
    assert [before[key] for key in keys] == [after[key] for key in keys]
    ok_here("doctor", home=other)
    done = here("restore", archive, home=other)
    assert (done.returncode, "--force" in done.stderr) == (1, True)
    ok_here("ingest", "-", home=other, stdin=b"something never heard of\n")
    done = here("doctor", home=other)
    assert done.returncode == 1  # and says what to do
    assert "genlab score" in done.stdout


def test_names_that_are_no_utf8_do_not_stop_an_ingest(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "odd") + b"\xff.log"
    with open(path, "wb") as file:  # noqa: PTH123 - a Path cannot hold it everywhere
        file.write(b"one\ntwo\n")
    found = json.loads(ok("ingest", os.fsdecode(path), "--json", home=tmp_path / "w"))
    assert found["messages"] == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_ten_systems_of_loghub(loghub: Path, tmp_path: Path) -> None:
    """20,000 raw lines, one source each: nothing lost, nothing doubled, scored throughout."""
    home, logs = tmp_path / "w", sorted(loghub.glob("*/*_2k.log"))
    lines = sum(sum(1 for line in path.read_bytes().split(b"\n") if line.strip()) for path in logs)
    done = json.loads(ok("ingest", *logs, "--json", home=home))
    assert len(logs) == 10
    assert lines == 20_000
    assert done["lines"] == done["messages"] + done["quarantined"] == lines
    ok("train", *SMALL, home=home, timeout=600)
    assert json.loads(ok("score", "--json", home=home))["scored"] == 0
    found = json.loads(ok("status", "--json", home=home))
    assert (found["messages"], found["quarantined"], found["lines_read"]) == (20_000, 0, lines)
    assert [row["messages"] for row in found["by_source"]] == [2000] * 10
    assert sum(row["messages"] for row in found["verdicts"]) == 20_000
    assert found["patterns"] == sum(row["patterns"] for row in found["verdicts"]) < 2000
    again = json.loads(ok("ingest", *logs, "--json", home=home))
    assert (again["messages"], again["patterns"], again["quarantined"]) == (0, 0, 0)
    after = json.loads(ok("status", "--json", home=home))
    assert all(after[key] == found[key] for key in ("messages", "patterns", "by_source"))
    assert ok("doctor", home=home).strip() == "all is well"
