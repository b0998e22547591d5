"""The Train page: what it asks for, what it says of time, versions and differences."""

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from synthetic_desk import fill

from dashboard.pages.train_form import WEIGHTS, phases, request
from dashboard.pages.train_watch import progress, time_left
from dashboard.pages.version_compare import summary
from dashboard.pages.versions import versions_table
from genlab.config import LossWeights
from genlab.pipeline.versions import Difference, event_counts
from genlab.store import Store
from genlab.training.curriculum import Curriculum, Phase

WEIGHT = {"kl_weight": 0.5}
HOSTILE = "<img src=x onerror=alert(1)> **bold**"


def rendered(node: Any) -> str:
    import plotly.utils

    return json.dumps(node, cls=plotly.utils.PlotlyJSONEncoder)


def test_every_loss_weight_has_a_slider() -> None:
    assert set(WEIGHTS) == set(LossWeights.model_fields)


def test_a_request_becomes_the_right_deployment() -> None:
    made = {"model": {"components": "kmeans", "prior": "standard_normal"}}
    active = {"configuration": json.dumps(made)}
    asked = ("default", "auto", "vamp", WEIGHT)
    assert request("continue", "2", *asked, active) == ("retrain", {"epochs": 2, "weights": WEIGHT})
    # a curriculum goes on with the model as it is, whatever the hidden fields say
    assert request("continue", "0", *asked, active) == (
        "train",
        {"epochs": 0, "curriculum": "default", "weights": WEIGHT, "fresh": False,
         "components": "kmeans", "prior": "standard_normal"},
    )  # fmt: skip
    assert request("fresh", "2", "images", "kmeans", "mixture", WEIGHT, active) == (
        "train",
        {"epochs": 0, "curriculum": "images", "weights": WEIGHT, "fresh": True,
         "components": "kmeans", "prior": "mixture"},
    )  # fmt: skip


def test_a_curriculum_is_told_in_words() -> None:
    of_all_but_two = {"kl_weight": 0.0, "sparsity_weight": (0, 1)}
    given = Curriculum(
        phase=(
            Phase(name="first", epochs=2, weights=of_all_but_two),
            Phase(name="then", epochs=1, needs_labels=True),
            Phase(name="last", epochs=3, weights=dict.fromkeys(WEIGHTS, 1.0)),
        )
    )
    assert phases(given) == [
        "first: 2 epochs; the sliders set reconstruction, KL of the component, neighbours, "
        "classification, contrast",
        "then: 1 epoch, once there are labels; the sliders set every weight",
        "last: 3 epochs; no slider counts",
    ]


def test_time_left_is_that_of_the_last_epochs() -> None:
    seconds = np.array([60.0, 4.0, 2.0, 3.0])  # the first one places components
    assert time_left(4, 10, seconds) == pytest.approx(6 * 3.0)
    assert time_left(10, 10, seconds) == 0
    assert time_left(0, 10, seconds[:0]) is None
    assert time_left(1, None, seconds) is None


def test_a_job_is_told_as_text_and_can_be_cancelled_while_it_runs() -> None:
    import pyarrow as pa

    now = datetime(2026, 5, 1, 12)
    job = {
        "job_id": "j", "kind": "retrain", "status": "running", "done": 1.0, "total": 5.0,
        "detail": HOSTILE, "started_at": now - timedelta(seconds=9), "finished_at": None,
    }  # fmt: skip
    epochs = pa.table({"seconds": [30.0]})
    shown = rendered(progress(job, epochs))
    assert "about 2 min left" in shown
    assert '"data-act": "cancel"' in shown
    assert HOSTILE in shown
    assert "Markdown" not in shown
    over = rendered(progress(job | {"status": "cancelled", "finished_at": now}, epochs))
    assert "cancel" in over
    assert '"data-act"' not in over
    assert "left" not in over


def buttons(node: Any) -> set[tuple[str, str | None]]:
    """(act, value) of every button."""
    found = set()
    for child in node if isinstance(node, list) else [node]:
        for each in [child, *child._traverse()]:
            given = each.to_plotly_json()["props"] if hasattr(each, "to_plotly_json") else {}
            if "data-act" in given:
                found.add((given["data-act"], given.get("data-value")))
    return found


def test_versions_offer_what_can_be_done_with_them(store: Store) -> None:
    fill(store, 30, 3, 6)

    def table() -> list[Any]:
        return versions_table(store.rows("model_versions.list"), event_counts(store))

    assert '"in force"' in rendered(table())
    assert buttons(table()) == {("rollback", None)}
    given = dict.fromkeys(("encoder_version", "prior", "folder"), "synthetic")
    numbers = dict.fromkeys(("components", "latent_dim", "epochs"), 1)
    metrics = json.dumps({"known_messages_share": 0.931, "label_accuracy_cross_fitted": None})
    store.write(
        "model_versions.add", parent=1, job_id=None, configuration="{}", metrics=metrics,
        **given, **numbers,
    )  # fmt: skip
    acts = {("compare", "2"), ("promote", "2"), ("rollback", None)}
    assert buttons(table()) == acts | {("shadow", "2")}
    shown = rendered(table())
    assert '"93.1 %"' in shown
    assert "from v1" in shown
    store.write("shadow_runs.begin", version=2)
    assert buttons(table()) == acts | {("drop", "2")}
    assert '"in shadow"' in rendered(table())


def test_the_summary_says_patterns_messages_and_what_is_known() -> None:
    def said(found: Difference) -> str:
        return "".join(x if isinstance(x, str) else x.children for x in summary(1, 3, found))

    assert said(Difference(600, 12_000, 23, 3_000, 9_000, 9_600, [])) == (
        "23 patterns, 3,000 messages (25.0 % of 12,000) would change label or verdict from v1 to "
        "v3. Known: 75.0 % under v1, 80.0 % under v3."
    )
    assert said(Difference(1, 2, 0, 0, 2, 2, [])).startswith(
        "v1 and v3 agree on everything: 1 pattern, "
    )
    assert "No pattern that both" in said(Difference(0, 0, 0, 0, 0, 0, []))
