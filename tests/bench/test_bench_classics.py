"""The bench of mixtures and hidden Markov models: every pair agrees; the command prints it."""

import json

import pytest
from click.testing import CliRunner

from genlab.bench.classics import classics_bench
from genlab.cli import genlab

SMALL = {"points": 2000, "dimension": 3, "components": 4, "sequences": 20, "steps": 15}


def test_every_model_agrees_with_its_peer_and_em_beats_its_kmeans_start_on_long_groups():
    found = classics_bench(**SMALL)
    assert [row["model"].split()[0] for row in found["rows"]] == ["GMM"] * 4 + ["HMM"] * 6
    for row in found["rows"]:
        nats = 1e-8 if row["model"].startswith("GMM") else 1e-6
        assert abs(row["difference"]) < nats, row
        assert row["times_faster"] == pytest.approx(row["peer_s"] / row["ours_s"])
    by_kind = {row["covariance"]: row for row in found["clusters"]}
    assert by_kind["full"]["em_ari"] > by_kind["full"]["kmeans_ari"] + 0.1
    assert by_kind["full"]["em_ari"] > by_kind["spherical"]["em_ari"]


def test_the_command_prints_the_table_and_json():
    options = [part for name, size in SMALL.items() for part in (f"--{name}", str(size))]
    command = ["bench", "classics", *options]
    shown = CliRunner().invoke(genlab, command)
    assert shown.exit_code == 0, shown.output
    assert "hmmlearn, scaling" in shown.output
    printed = CliRunner().invoke(genlab, [*command, "--json"])
    assert len(json.loads(printed.stdout)["rows"]) == 10
