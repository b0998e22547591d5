"""A new kind comes into a store: the next training gives it components, the others stay."""

import json

from genlab.config import Settings, with_overrides
from genlab.encoders import Encoder
from genlab.ingest import IngestOptions
from genlab.pipeline.assigned import load_assigned
from genlab.pipeline.embed import embed
from genlab.pipeline.ingest import ingest
from genlab.pipeline.jobs import Job
from genlab.pipeline.labels import give_labels
from genlab.pipeline.train import train_version
from genlab.pipeline.versions import promote
from genlab.store import Store

CAKES = ("lemon", "walnut", "cherry", "almond", "carrot", "honey", "plum", "apple")
ACTS = ("bake the {} cake with butter", "slice a warm {} tart", "please whisk the {} cream slowly",
        "the {} pie is cooling on the sill", "sprinkle sugar over the {} sponge")  # fmt: skip


def test_a_new_kind_opens_components_and_the_others_keep_theirs(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    truth = fitted.rows("devices.truth")
    some = [row for row in truth if len(row["pattern_id"])][::2]
    give_labels(
        fitted,
        [row["pattern_id"] for row in some],
        [row["truth_label"] for row in some],
        "lasso",
        "ann",
    )
    path = fitted.workspace.folder / "cakes.txt"
    path.write_text("\n".join(act.format(cake) for act in ACTS for cake in CAKES) + "\n")
    ingest(fitted, [str(path)], IngestOptions(source="kitchen", format="text"), quick.ingest)
    embed(fitted, encoder, quick.encoder.chunk)
    short = with_overrides(quick, {"training.epochs": 2})
    heard: list[str] = []
    with Job(fitted, "train", on_progress=lambda done, total, text: heard.append(text)) as job:
        done = train_version(fitted, short, encoder.version, job)
    assert done.metrics["opened_components"] >= 3
    assert 20 <= done.metrics["opened_patterns"] <= 40
    said = (
        f"opened {done.metrics['opened_components']} components "
        f"for {done.metrics['opened_patterns']} patterns"
    )
    assert said in fitted.rows("jobs.get", job_id=job.job_id)[0]["detail"]
    assert any(said in text and text.startswith("epoch") for text in heard)
    for name in ("label_accuracy_before", "label_accuracy_after"):
        assert 0.0 < done.metrics[name] <= 1.0

    versions = {row["version"]: row for row in fitted.rows("model_versions.list")}
    k = 16 + done.metrics["opened_components"]
    assert versions[2]["components"] == k
    first, second = (
        {row["component"]: row for row in fitted.rows("model_versions.components", version=v)}
        for v in (1, 2)
    )
    assert len({row["component_id"] for row in second.values()}) == k
    for c, row in first.items():
        assert second[c]["component_id"] == row["component_id"]
        if row["status"] == second[c]["status"] == "active":
            assert second[c]["name"] == row["name"]
    events = {row["component"]: row for row in fitted.rows(
        "model_versions.component_events", version=2)}  # fmt: skip
    assert {events[c]["event"] for c in range(16, k) if c in events} == {"opened"}
    assert {events[c]["event"] for c in range(16) if c in events} <= {"kept", "merged", "born"}
    cakes = {row["pattern_id"] for row in fitted.rows("patterns.all")} - {
        row["pattern_id"] for row in truth
    }
    assigned = load_assigned(fitted, 2, k)
    owner = assigned.responsibilities.toarray().argmax(axis=1)
    mine = [p in cakes for p in assigned.pattern_ids]
    assert (owner[mine] >= 16).mean() > 0.8
    assert (owner[[not each for each in mine]] < 16).mean() > 0.95

    promote(fitted, 2, quick.labelling)  # a model that has grown is still what was asked for
    with Job(fitted, "train") as job:
        train_version(fitted, with_overrides(quick, {"training.epochs": 0}), encoder.version, job)
    (third, *_) = fitted.rows("model_versions.list")
    assert third["parent"] == 2
    assert json.loads(third["configuration"])["model"]["components"] == 16
    assert json.loads(third["metrics"])["opened_components"] == 0
