"""Figures hold exactly the numbers they were given, and say so in words when there are none."""

import numpy as np
import plotly.graph_objects as go
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from dashboard.figures import (
    confidence_histogram,
    loss_curves,
    reliability,
    verdict_over_time,
    volume_over_time,
)
from dashboard.figures.confidence import wilson
from dashboard.figures.palette import ACCENT, UNKNOWN, VERDICT_COLOURS, label_colours
from genlab.records import VERDICTS

DAYS = np.array(["2026-11-01", "2026-11-02", "2026-11-03"], dtype="datetime64[ns]")


def epochs(**more) -> dict:
    rng = np.random.default_rng(0)
    table = {"epoch": np.array([3, 1, 2, 4]), "phase": np.array(["prior", "base", "base", "prior"])}
    for term in ("total", "reconstruction", "kl", "kl_c", "sparsity"):
        table[term] = rng.normal(size=4)
    return table | more


def by_title(fig: go.Figure) -> dict[str, list]:
    """Traces per panel title, found by the panel's place and not by the order of adding."""
    titles = {}
    for note in fig.layout.annotations:
        for suffix in {trace.xaxis[1:] for trace in fig.data}:
            x, y = fig.layout[f"xaxis{suffix}"], fig.layout[f"yaxis{suffix}"]
            if abs(sum(x.domain) / 2 - note.x) < 1e-6 and abs(y.domain[1] - note.y) < 1e-6:
                titles[note.text] = [t for t in fig.data if t.xaxis == f"x{suffix}"]
    return titles


@pytest.mark.parametrize("make", [dict, pa.table])
def test_loss_curves_hold_every_term_in_order_of_epoch(make):
    table = epochs(holdout_total=np.array([1.0, np.nan, 3.0, 4.0]))
    panels = by_title(loss_curves(make(table)))
    titles = {
        "total": "total",
        "reconstruction": "reconstruction",
        "kl": "KL of the latent",
        "kl_c": "KL of the component",
        "sparsity": "usage entropy",
    }
    assert set(panels) == set(titles.values())
    order = [1, 2, 0, 3]
    for term, title in titles.items():
        assert list(panels[title][0].x) == [1, 2, 3, 4]
        assert list(panels[title][0].y) == list(table[term][order])
    held_out = panels["total"][1]
    np.testing.assert_array_equal(held_out.y, table["holdout_total"][order])
    assert len(panels["KL of the latent"]) == 1


def test_loss_curves_mark_where_a_phase_begins():
    fig = loss_curves(epochs())
    assert {shape.x0 for shape in fig.layout.shapes} == {2.5}
    assert len(fig.layout.shapes) == 5  # one in each panel
    assert any("base from 1 · prior from 3" in note.text for note in fig.layout.annotations)
    assert not loss_curves(epochs(phase=np.array(["base"] * 4))).layout.shapes


def test_few_epochs_are_the_ticks() -> None:
    assert list(loss_curves(epochs()).layout.xaxis.tickvals) == [1, 2, 3, 4]
    many = {"epoch": np.arange(1, 31), "total": np.linspace(3, 1, 30)}
    assert loss_curves(many).layout.xaxis.tickvals is None


def test_reliability_keeps_filled_bins_and_their_intervals():
    bins = {
        "confidence": np.array([0.1, np.nan, 0.9]),
        "accuracy": np.array([0.2, np.nan, 1.0]),
        "counts": np.array([10, 0, 50]),
    }
    fig = reliability(bins)
    observed = next(t for t in fig.data if t.name == "observed")
    assert list(observed.x) == [0.1, 0.9]
    assert list(observed.y) == [0.2, 1.0]
    for k, (right, n) in enumerate([(2, 10), (50, 50)]):
        oracle = binomtest(right, n).proportion_ci(0.95, method="wilson")
        assert observed.y[k] + observed.error_y.array[k] == pytest.approx(oracle.high, abs=1e-4)
        assert observed.y[k] - observed.error_y.arrayminus[k] == pytest.approx(oracle.low, abs=1e-4)


def test_wilson_interval_holds_the_share():
    share = np.array([0.0, 0.5, 1.0])
    low, high = wilson(share, np.array([1.0, 1.0, 1.0]))
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low <= share).all()
    assert (share <= high).all()


def test_reliability_reads_the_bins_of_calibration():
    calibration = pytest.importorskip("genlab.labelling.calibration")
    confidence = np.array([0.15, 0.25, 0.95, 0.95])
    bins = calibration.reliability(confidence, np.array([False, True, True, True]), bins=10)
    observed = next(t for t in reliability(bins).data if t.name == "observed")
    np.testing.assert_allclose(observed.x, [0.15, 0.25, 0.95])
    np.testing.assert_allclose(observed.y, [0, 1, 1])


def test_volume_stacks_the_largest_sources_and_keeps_the_sum():
    table = {
        "bucket": np.repeat(DAYS, 4),
        "source": np.tile(["a", "b", "c", "d"], 3),
        "messages": np.array([5, 1, 9, 2, 6, 0, 9, 1, 7, 3, 9, 4]),
    }
    fig = volume_over_time(pa.table(table), most=2)
    traces = {t.name: t for t in fig.data}
    assert list(traces) == ["c", "a", "others"]
    assert list(traces["c"].y) == [9, 9, 9]
    assert list(traces["a"].y) == [5, 6, 7]
    assert list(traces["others"].y) == [3, 1, 7]
    assert [np.datetime64(t, "ns") for t in traces["c"].x] == list(DAYS)
    assert [t.marker.color for t in fig.data] == [*label_colours(2), UNKNOWN]
    assert fig.layout.barmode == "stack"


def test_volume_without_sources_is_one_series():
    fig = volume_over_time({"bucket": DAYS, "messages": np.array([4, 5, 6])})
    (bars,) = fig.data
    assert list(bars.y) == [4, 5, 6]


def test_verdicts_keep_their_colours_and_missing_days_count_zero():
    table = {
        "bucket": np.array([DAYS[0], DAYS[1], DAYS[2], DAYS[0]]),
        "verdict": np.array(["novel", "known", "known", "unscored"]),
        "messages": np.array([1, 2, 3, 8]),
    }
    traces = {t.name: t for t in verdict_over_time(table).data}
    assert list(traces) == ["known", "novel", "unscored"]
    assert list(traces["known"].y) == [0, 2, 3]
    assert list(traces["novel"].y) == [1, 0, 0]
    assert traces["novel"].marker.color == VERDICT_COLOURS["novel"]


def test_every_verdict_has_its_own_colour():
    assert tuple(VERDICT_COLOURS) == VERDICTS
    assert len(set(VERDICT_COLOURS.values())) == len(VERDICTS)


def test_confidence_histogram_marks_what_is_accepted():
    edges = np.linspace(0, 1, 5)
    table = {"lower": edges[:-1], "upper": edges[1:], "messages": np.array([3, 0, 7, 90])}
    (bars,) = confidence_histogram(table, threshold=0.75).data
    assert list(bars.y) == [3, 0, 7, 90]
    np.testing.assert_allclose(bars.x, [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(bars.width, 0.25)
    assert list(bars.marker.color) == [UNKNOWN, UNKNOWN, UNKNOWN, ACCENT]


@pytest.mark.parametrize(
    ("draw", "nothing", "words"),
    [
        (loss_curves, {"epoch": np.empty(0), "total": np.empty(0)}, "no epochs yet"),
        (reliability, {"counts": np.zeros(3)}, "no labelled patterns"),
        (volume_over_time, {"bucket": DAYS[:0], "messages": np.empty(0)}, "no messages yet"),
        (verdict_over_time, {"bucket": DAYS[:0]}, "nothing is scored yet"),
        (confidence_histogram, {"lower": np.empty(0)}, "nothing is scored yet"),
    ],
)
def test_no_data_is_said_in_words(draw, nothing, words):
    for table in (None, nothing):
        fig = draw(table)
        assert len(fig.data) == 0
        assert words in fig.layout.annotations[0].text
        assert fig.layout.paper_bgcolor is None  # the template's: transparent
        assert fig.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
