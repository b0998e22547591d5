"""The demo fleet, held against its own declaration: chains, rates, wordings, newcomers."""

import json
import re
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

from genlab.errors import ConfigError, InputError
from genlab.ingest.fleet import Fleet, generate, load_fleet, schedule, simulate, write_jsonl
from genlab.resources import resource

START = datetime(2026, 11, 1)
PLACEHOLDER = re.compile(r"\{\w+\}")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet()


@pytest.fixture(scope="module")
def messages(fleet: Fleet) -> list[dict]:
    return list(generate(fleet, 20_000, 0, START, 14))


def test_the_fleet_is_as_large_as_promised(fleet: Fleet) -> None:
    assert len(fleet.device) >= 12
    assert len(fleet.kind) >= 60
    assert min(len(set(kind.wordings)) for kind in fleet.kind.values()) >= 4
    assert sum(kind.appears_after > 0 for kind in fleet.kind.values()) >= 4
    assert 10 <= len(fleet.labels) <= 14
    assert {kind.label for kind in fleet.kind.values()} == set(fleet.labels)
    assert 140 <= len(fleet.devices()) <= 160
    wordings = [wording for kind in fleet.kind.values() for wording in kind.wordings]
    assert len(set(wordings)) == len(wordings)


def test_messages_are_complete_unique_and_in_time_order(messages: list[dict]) -> None:
    assert len(messages) == 20_000
    assert len({message["message_id"] for message in messages}) == 20_000
    times = [datetime.fromisoformat(message["time"]).replace(tzinfo=None) for message in messages]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[0] >= START
    assert (times[-1] - START).total_seconds() <= 14 * 86_400
    assert not any(re.search(r"[{}]", message["text"]) for message in messages)


def test_every_kind_wording_and_device_is_heard(fleet: Fleet, messages: list[dict]) -> None:
    heard = Counter(message["truth_kind"] for message in messages)
    assert heard.keys() == fleet.kind.keys()
    assert min(heard.values()) >= 15
    assert {message["device"] for message in messages} == {name for name, _ in fleet.devices()}
    wordings = {(message["truth_kind"], message["truth_wording"]) for message in messages}
    assert len(wordings) >= 0.99 * sum(len(kind.wordings) for kind in fleet.kind.values())


def test_the_truth_fields_fit_the_text(fleet: Fleet, messages: list[dict]) -> None:
    kind_of = dict(fleet.devices())
    for message in messages:
        kind = fleet.kind[message["truth_kind"]]
        assert kind_of[message["device"]] in kind.devices or kind.devices == ["*"]
        assert message["truth_label"] == kind.label
        assert message["severity"] == kind.severity
        wording = kind.wordings[message["truth_wording"]]
        literal = ".+?".join(re.escape(piece) for piece in PLACEHOLDER.split(wording))
        assert re.fullmatch(literal, message["text"]), (wording, message["text"])


def test_the_number_of_patterns_is_workable(fleet: Fleet, messages: list[dict]) -> None:
    masked = defaultdict(set)
    for message in messages:
        text = re.sub(r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "#", message["text"])
        text = re.sub(r"0x[0-9a-f]+|\b(?=\w*\d)[0-9a-f]{4,}\b", "#", text)
        masked[re.sub(r"\d+", "#", text)].add(message["truth_kind"])
    assert 300 <= len(masked) <= 800
    assert all(len(kinds) == 1 for kinds in masked.values())  # no pattern of two kinds


def test_newcomers_come_only_late(fleet: Fleet, messages: list[dict]) -> None:
    for name, kind in fleet.kind.items():
        days = [
            (datetime.fromisoformat(message["time"]).replace(tzinfo=None) - START).total_seconds()
            / 86_400
            for message in messages
            if message["truth_kind"] == name
        ]
        assert min(days) >= 14 * kind.appears_after
        if kind.appears_after:
            assert kind.appears_after > 0.5


def test_opposites_differ_only_in_polarity(fleet: Fleet) -> None:
    pairs = [(name, kind) for name, kind in fleet.kind.items() if kind.opposite]
    assert len(pairs) >= 2 * 6
    for name, kind in pairs:
        other = fleet.kind[kind.opposite or ""]
        assert other.opposite == name
        for mine, theirs in zip(kind.wordings, other.wordings, strict=True):
            a, b = (re.findall(r"[A-Za-z]+", PLACEHOLDER.sub("0", text)) for text in (mine, theirs))
            assert len(a) == len(b)
            assert 1 <= sum(x != y for x, y in zip(a, b, strict=True)) <= 2, (mine, theirs)


def test_the_same_seed_gives_the_same_messages(fleet: Fleet, tmp_path: Path) -> None:
    once, again = (list(generate(fleet, 500, 7, START, 3)) for _ in range(2))
    other = list(generate(fleet, 500, 8, START, 3))
    assert once == again
    assert [message["text"] for message in once] != [message["text"] for message in other]
    assert write_jsonl(tmp_path / "deep" / "fleet.jsonl", fleet, 500, 7, START, 3) == 500
    lines = (tmp_path / "deep" / "fleet.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == once


def test_regimes_follow_the_declared_chain(fleet: Fleet) -> None:
    """Counts of transitions, row by row, against the declared probabilities."""
    rng = np.random.default_rng(5)
    p_values = []
    for name in fleet.device:
        declared = fleet.transitions(name)
        paths = simulate(declared, 40, 4_000, rng)
        seen = np.zeros_like(declared)
        np.add.at(seen, (paths[:, :-1], paths[:, 1:]), 1)
        assert not seen[declared == 0].any()
        for row, expected in zip(seen, declared, strict=True):
            possible = expected > 0
            p_values.append(chisquare(row[possible], row.sum() * expected[possible]).pvalue)
        # Started in equilibrium: the first step is distributed as a power of the matrix says.
        far = np.linalg.matrix_power(declared, 20_000)[0]
        first = np.bincount(simulate(declared, 5_000, 1, rng)[:, 0], minlength=len(declared))
        p_values.append(chisquare(first, 5_000 * far).pvalue)
    assert min(p_values) > 0.01 / len(p_values)  # Bonferroni


def test_the_schedule_uses_one_regime_path_per_device(fleet: Fleet) -> None:
    plan = schedule(fleet, 5_000, 3, 10)
    assert plan.regimes.shape == (len(fleet.devices()), 240)
    step = (plan.seconds / 3_600 / fleet.step_hours).astype(int)
    assert (plan.regimes[plan.device, step] == plan.regime).all()


def test_the_mix_of_messages_is_the_declared_one(fleet: Fleet) -> None:
    """Kinds sent by a kind of device in a regime, before any newcomer, against their rates."""
    plan = schedule(fleet, 400_000, 11, 60)
    device_kinds = list(fleet.device)
    kind_of = np.array([device_kinds.index(kind) for _, kind in fleet.devices()])
    appears = np.array([kind.appears_after for kind in fleet.kind.values()])
    early = plan.seconds < appears[appears > 0].min() * 60 * 86_400
    p_values = []
    for d, name in enumerate(device_kinds):
        for regime, rates in enumerate(fleet.rates(name) * (appears == 0)):
            chosen = early & (kind_of[plan.device] == d) & (plan.regime == regime)
            seen = np.bincount(plan.kind[chosen], minlength=len(rates))
            assert not seen[rates == 0].any()
            expected = seen.sum() * rates / rates.sum()
            rare = expected < 8  # pooled, as the chi-square approximation asks
            seen = np.r_[seen[~rare], seen[rare].sum()]
            expected = np.r_[expected[~rare], expected[rare].sum()]
            if expected[-1] < 8:
                seen, expected = seen[:-1], expected[:-1] * seen[:-1].sum() / expected[:-1].sum()
            p_values.append(chisquare(seen, expected).pvalue)
    assert min(p_values) > 0.01 / len(p_values)


def test_the_volume_follows_the_rates(fleet: Fleet) -> None:
    """Messages per device hour in each regime are proportional to the declared totals."""
    plan = schedule(fleet, 400_000, 12, 60)
    rows = np.array([list(fleet.device).index(kind) for _, kind in fleet.devices()])
    totals = np.stack([fleet.rates(name) for name in fleet.device])
    early = plan.seconds < 0.6 * 60 * 86_400
    steps = int(0.6 * 60 * 24)
    always = np.array([kind.appears_after == 0 for kind in fleet.kind.values()])
    per_cell = totals[..., always].sum(axis=-1)[rows[:, None], plan.regimes[:, :steps]]
    expected = per_cell.sum(axis=1) / per_cell.sum() * early.sum()
    seen = np.bincount(plan.device[early], minlength=len(rows))
    assert chisquare(seen, expected).pvalue > 0.001


def test_regimes_can_be_told_apart(fleet: Fleet) -> None:
    """Total variation between the mixes of any two regimes, for every kind of device."""
    for name in fleet.device:
        rates = fleet.rates(name)
        mix = rates / rates.sum(axis=1, keepdims=True)
        for a in range(len(mix)):
            for b in range(a):
                assert 0.5 * np.abs(mix[a] - mix[b]).sum() > 0.25, (name, a, b)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("[0.988, 0.010, 0.000, 0.002]", "[0.988, 0.010, 0.000, 0.102]", "device.pump.transitions"),
        ("{volume}", "{no_such}", "no_such"),
        ('label = "power"', 'label = "pwr"', "found 'pwr'"),
        ('severity = "critical"', 'severity = "fatal"', "found 'fatal'"),
        ('opposite = "link_up"', 'opposite = "mains_lost"', "kind.link_up.opposite"),
        ("octet   = { range = [0, 254] }", 'octet   = { shape = "{ip}" }', "contain each other"),
        ("h4      = { hex = 4 }", "h4      = { hex = 4, words = ['a'] }", "variables.h4"),
        ("step_hours = 1.0", "step_hours = ", "not valid TOML"),
        ("dialect = 0.7", "dialekt = 0.7", "dialekt"),
    ],
)
def test_a_wrong_description_says_what_and_where(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    for file in resource("config/fleet").glob("*.toml"):
        (tmp_path / file.name).write_text(file.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(named)):
        load_fleet(tmp_path)


def test_missing_files_and_impossible_orders_are_refused(fleet: Fleet, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no \\*\\.toml"):
        load_fleet(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_fleet(tmp_path / "none.toml")
    with pytest.raises(InputError, match="-1 messages"):
        next(generate(fleet, -1, 0, START, 14))
    with pytest.raises(InputError, match="0 days"):
        next(generate(fleet, 10, 0, START, 0))
    assert list(generate(fleet, 0, 0, START, 1)) == []
