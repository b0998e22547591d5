"""One service as a process: started when its needs answer, restarted, stopped, group and all."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from genlab.config import Settings, load_settings, with_overrides
from genlab.errors import ConfigError, GenlabError
from genlab.store import Workspace
from genlab.store.workspace import process_alive
from genlab.supervisor import Service, down, services
from genlab.supervisor.process import Process
from genlab.supervisor.run import _alone

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def until(ask: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ask():
            return True
        time.sleep(0.02)
    return False


def stepped(process: Process, ask: Callable[[], bool]) -> bool:
    """Whether ``ask`` comes true while the process is looked after."""

    def step() -> bool:
        process.step(set())
        return ask()

    return until(step)


def finish(process: Process) -> None:
    assert until(process.stop)


def test_it_waits_for_what_it_needs(tmp_path: Path) -> None:
    process = Process(Service("b", SLEEP, lambda pid: True, needs=("a",)), tmp_path, print)
    process.step(set())
    assert process.pid is None
    process.step({"a"})
    assert process.pid is not None
    assert process.state == "starting"
    process.step({"a"})
    assert process.state == "ready"
    finish(process)
    assert process.pid is None


def test_killed_it_starts_again_and_takes_its_group_along(tmp_path: Path) -> None:
    child = tmp_path / "child"
    code = f"""
        import subprocess, sys, time, pathlib
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pathlib.Path({str(child)!r}).write_text(str(child.pid))
        time.sleep(600)
    """
    said: list[str] = []
    command = [sys.executable, "-c", textwrap.dedent(code)]
    process = Process(Service("s", command, lambda pid: True), tmp_path, said.append)
    process.step(set())
    assert until(lambda: child.exists() and child.read_text() != "")
    first, orphan = process.pid, int(child.read_text())
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert stepped(process, lambda: process.restarts == 1)
    assert until(lambda: not process_alive(orphan))
    assert any("SIGKILL" in line and "starts again" in line for line in said)
    assert stepped(process, lambda: process.pid not in (None, first))
    finish(process)


def test_one_that_always_fails_is_given_longer_and_longer_pauses(tmp_path: Path) -> None:
    said: list[str] = []
    command = [sys.executable, "-c", "raise SystemExit('no such table')"]
    process = Process(Service("s", command, lambda pid: False), tmp_path, said.append)
    assert stepped(process, lambda: process.restarts == 2)
    pauses = [line.rpartition("in ")[2] for line in said if "starts again" in line]
    assert pauses == ["0.2 s", "1 s"]
    assert any("no such table" in line for line in said)  # the log's last line says why


def test_one_that_freezes_is_killed_and_started_again(tmp_path: Path) -> None:
    frozen: set[int] = set()
    said: list[str] = []
    service = Service("s", SLEEP, lambda pid: pid not in frozen, patience=0.5)
    process = Process(service, tmp_path, said.append)
    assert stepped(process, lambda: process.state == "ready")
    first = process.pid
    assert first is not None
    process.step(set())
    assert process.pid == first
    frozen.add(first)
    assert stepped(process, lambda: process.state == "ready" and process.pid != first)
    assert not process_alive(first)
    assert "s: no answer for 0.5 s, killed" in said
    finish(process)


def test_one_that_starts_slowly_is_told_of_but_left_alone(tmp_path: Path) -> None:
    said: list[str] = []
    service = Service("s", SLEEP, lambda pid: False, patience=0.3)
    process = Process(service, tmp_path, said.append)
    assert stepped(process, lambda: len(said) == 2)
    assert all("since it started; see" in line for line in said)
    assert process.restarts == 0
    finish(process)


def test_one_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = (
        "import signal, time, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    )
    service = Service("s", [sys.executable, "-c", code], lambda pid: True, grace=0.5)
    process = Process(service, tmp_path, print)
    process.step(set())
    assert until(ready.exists)
    pid = process.pid
    assert pid is not None
    started = time.monotonic()
    finish(process)
    assert 0.5 <= time.monotonic() - started < 5
    assert not process_alive(pid)


def test_services_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    code = f"""
        import sys
        from pathlib import Path
        from genlab.store import Workspace
        from genlab.supervisor import Service, supervise
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        wanted = [Service("a", sleep, lambda pid: True),
                  Service("b", sleep, lambda pid: True, needs=("a",))]
        supervise(Workspace({str(tmp_path)!r}), wanted, lambda line: print(line, flush=True))
    """
    running = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    lines: list[str] = []
    while not any("everything runs" in line for line in lines):
        lines.append(running.stdout.readline())
        assert lines[-1], "the supervisor ended early"
    assert [line.split(":")[0] for line in lines[:2]] == ["a", "b"]
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    assert len(children) == 2
    running.kill()
    running.wait()
    assert until(lambda: not any(process_alive(int(pid)) for pid in children))


def test_a_port_in_use_is_named_with_its_setting(tmp_path: Path, settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wanted = with_overrides(settings, {"serve.dashboard_port": port, "serve.prefect_port": 0})
        with pytest.raises(ConfigError, match=rf"serve\.dashboard_port = {port}.*or 0 for a free"):
            services(Workspace(tmp_path), wanted)


def test_services_inherit_the_settings_in_force(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "genlab.toml").write_text("[model]\nlatent_dim = 8\n")
    given = {
        "serve.prefect_port": 0,
        "serve.dashboard_port": 0,
        "model.prior": "vamp",
        "weights.kl_weight": 0.25,
    }
    wanted = with_overrides(load_settings(tmp_path), given)
    listed = services(Workspace(tmp_path), wanted)
    assert [s.name for s in listed] == ["owner", "prefect", "flows", "scorer", "dashboard"]
    assert len({s.address for s in listed if s.address}) == 2
    monkeypatch.setenv("GENLAB_SET", listed[0].environment["GENLAB_SET"])
    assert load_settings(tmp_path) == wanted


def test_a_second_up_is_refused_and_down_finds_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with _alone(workspace), pytest.raises(GenlabError, match="genlab down"), _alone(workspace):
        pass
    assert down(workspace) is False
