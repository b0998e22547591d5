"""The built wheel, in an empty environment outside the checkout, runs the whole road."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def run(*command: object, **more) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=1500, **more
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def test_the_wheel_runs_the_demo_outside_the_checkout(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "genlab/_resources/sql/migrations/0001_core.sql" in names
    assert "genlab/_resources/config/default.toml" in names
    run(sys.executable, "-m", "venv", tmp_path / "env")
    python = tmp_path / "env/bin/python"
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel)
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "GENLAB_HOME")}
    where = run(python, "-c", "import genlab; print(genlab.__file__)", cwd=tmp_path, env=clean)
    assert str(tmp_path / "env") in where
    workspace = tmp_path / "workspace"
    printed = run(
        tmp_path / "env/bin/genlab",
        "demo",
        "--no-serve",
        "--messages",
        2000,
        "--workspace",
        workspace,
        cwd=tmp_path,
        env=clean,
    )
    assert "2,000 messages" in printed
