"""The README's commands, run as they stand, in the order they stand."""

import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SERVES = {"make demo"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    if not Path("/var/log/alternatives.log").exists():
        pytest.skip(
            "/var/log/alternatives.log is not here: the README's log example is a Debian file"
        )
    home = tmp_path / "home"
    home.mkdir()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    ours = ("GENLAB_HOME", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL", "ARGS")
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    return {**clean, "HOME": str(home), "XDG_DATA_HOME": str(home / "data")}


def test_every_shell_block_runs(environment: dict[str, str], tmp_path: Path) -> None:
    script = "\n".join(block for block in blocks("sh") if block.strip() not in SERVES)
    script = script.replace("/tmp/", f"{tmp_path / 'tmp'}/")
    done = subprocess.run(
        ["bash", "-exc", script],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]


def test_make_demo_serves_until_interrupted(environment: dict[str, str]) -> None:
    assert any(block.strip() == "make demo" for block in blocks("sh"))
    served = subprocess.Popen(
        ["make", "demo"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 600
        while True:
            assert served.poll() is None, served.stdout.read()[-3000:]
            assert time.monotonic() < deadline, "no dashboard in 10 minutes"
            try:
                with urllib.request.urlopen("http://127.0.0.1:8050/", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                time.sleep(1)
        os.killpg(served.pid, signal.SIGINT)
        served.wait(timeout=60)
    finally:
        if served.poll() is None:
            os.killpg(served.pid, signal.SIGKILL)


def test_the_python_block_runs(environment: dict[str, str]) -> None:
    (block,) = blocks("python")
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-c", block],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "fluid" in done.stdout
