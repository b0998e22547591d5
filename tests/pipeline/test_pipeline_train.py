"""Training, versions and continuation on a real store; see `fitted` in tests/conftest.py."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from genlab.config import Settings, with_overrides
from genlab.encoders import Encoder
from genlab.errors import InputError, NotReady
from genlab.ingest import IngestOptions
from genlab.labelling import novelty_p, novelty_score
from genlab.pipeline.assigned import active_version, load_assigned, version_novelty
from genlab.pipeline.embed import embed
from genlab.pipeline.ingest import ingest
from genlab.pipeline.jobs import Job, JobCancelled
from genlab.pipeline.labels import give_label
from genlab.pipeline.scored import held_back
from genlab.pipeline.tables import matrix
from genlab.pipeline.train import Trained, train_version
from genlab.pipeline.versions import promote, roll_back
from genlab.store import Store, connect
from genlab.training.checkpoints import load_checkpoint
from genlab.training.losses import TERMS


def retrain(store: Store, settings: Settings, encoder: Encoder, epochs: int = 2) -> Trained:
    short = with_overrides(settings, {"training.epochs": epochs})
    with Job(store, "train") as job:
        return train_version(store, short, encoder.version, job)


def statuses(store: Store) -> dict[int, str]:
    return {row["version"]: row["status"] for row in store.rows("model_versions.list")}


def files(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*")}


def test_the_first_version_is_in_force_and_assigns_every_pattern(
    fitted: Store, quick: Settings
) -> None:
    assert statuses(fitted) == {1: "active"}
    patterns = fitted.read("patterns.all")
    table = fitted.read("assignments.of_version", version=1)
    assert table["pattern_id"].to_pylist() == patterns["pattern_id"].to_pylist()
    values = matrix(table["responsibilities"])
    indices = matrix(table["components"])
    assert values.shape == (patterns.num_rows, quick.labelling.stored_responsibilities)
    np.testing.assert_allclose(values.sum(axis=1), 1.0, atol=1e-5)
    assert (np.diff(values, axis=1) <= 0).all()
    assert indices.min() >= 0
    assert indices.max() < 16
    assert all(len(set(row)) == len(row) for row in indices.tolist())
    assert matrix(table["latent_mean"]).shape == (patterns.num_rows, quick.model.latent_dim)
    for name in ("log_px", "map_x", "map_y", "novelty_p"):
        assert np.isfinite(table[name].to_numpy()).all()
    assert len(np.unique(table["map_x"].to_numpy())) > 0.9 * patterns.num_rows


def test_components_account_for_every_pattern_and_message(fitted: Store) -> None:
    table = fitted.read("assignments.map", version=1)
    winner = matrix(table["components"])[:, 0]
    counts = table["message_count"].to_numpy()
    rows = {row["component"]: row for row in fitted.rows("model_versions.components", version=1)}
    assert sorted(rows) == list(range(16))
    for c, row in rows.items():
        assert row["patterns"] == (winner == c).sum()
        assert row["messages"] == counts[winner == c].sum()
        assert (row["status"] == "active") == (row["patterns"] > 0)
        members = set(table["pattern_id"].to_numpy(zero_copy_only=False)[winner == c])
        assert set(row["exemplars"]) <= members
    assert sum(row["weight"] for row in rows.values()) == pytest.approx(1.0, abs=1e-5)
    assert len({row["component_id"] for row in rows.values()}) == 16


def test_epochs_are_told_while_it_trains(fitted: Store) -> None:
    version = active_version(fitted)
    epochs = fitted.rows("model_versions.epochs", job_id=version["job_id"])
    assert [row["epoch"] for row in epochs] == list(range(1, version["epochs"] + 1))
    terms = TERMS
    for row in epochs:  # the total is the weighted sum of the terms that count
        total = sum((row[term] or 0.0) * row[f"{term}_weight"] for term in terms)
        assert row["total"] == pytest.approx(total, rel=1e-3, abs=1e-3)
    assert epochs[-1]["total"] < epochs[0]["total"]
    (job,) = fitted.rows("jobs.list", limit=9)
    assert (job["kind"], job["status"], job["version"]) == ("train", "done", 1)


class Chosen:
    """Vectors by text: letter counts, but something else for the texts in ``changed``."""

    name, version, dimension = "letters", "letters", 6

    def __init__(self, changed: set[str]):
        self._changed = changed

    def encode(self, texts, progress=None):
        rows = np.full((len(texts), self.dimension), 0.01, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for letter in text:
                row[ord(letter) % self.dimension] += 1
            if text in self._changed:
                row[:] = -5.0 - row[::-1]
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def distinct_messages(store: Store, pattern_ids: list[str]) -> np.ndarray:
    """(N,) how many texts each pattern has come as."""
    asked = [store.rows("messages.of_pattern", pattern_id=p, limit=10_000) for p in pattern_ids]
    return np.array([len({row["text"] for row in rows}) for rows in asked])


def test_what_was_trained_on_is_never_kept_back_whole_again() -> None:
    """As messages come in: a later version is calibrated on nothing an earlier one trained on."""
    ids = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(4000)]
    trained = np.zeros(len(ids), bool)
    for messages in (1, 2, 3, 7, 8, 60):
        held = held_back(ids, np.full(len(ids), messages), 0.15)
        assert held.mean() / messages == pytest.approx(0.15, abs=0.03)
        assert not (trained & (held == messages)).any()
        trained |= held < messages


def test_a_version_is_calibrated_on_messages_as_its_tables_say(
    fitted: Store, quick: Settings
) -> None:
    """The p-values of the training, once more from what is stored alone."""
    assigned = load_assigned(fitted, 1, 16)
    np.testing.assert_array_equal(
        assigned.messages, distinct_messages(fitted, assigned.pattern_ids.tolist())
    )
    assert (assigned.messages < assigned.message_counts).any()  # repeats count once
    model = version_novelty(assigned)
    assert model.weights.sum() == assigned.held.sum()
    rows = np.arange(len(assigned.pattern_ids))
    scores = novelty_score(model, assigned.ground.near, assigned.log_px, own=rows)
    trained = assigned.held < assigned.messages
    p = novelty_p(model, scores)
    np.testing.assert_allclose(assigned.novelty_p, np.where(trained, 1.0, p), atol=1e-6)
    assert (p[trained] < quick.labelling.novel_p).any(), "or what follows would be no test"
    verdict = fitted.read("assignments.of_version", version=1)["verdict"]
    assert not (verdict.to_numpy(zero_copy_only=False)[trained] == "novel").any()


def test_held_out_patterns_never_reach_training(
    tmp_path: Path, quick: Settings, fitted: Store
) -> None:
    """Whatever their vectors are, the weights are the same to the bit; and they do matter."""
    patterns = fitted.rows("patterns.all")
    ids = [row["pattern_id"] for row in patterns]
    texts = np.array([row["canonical_text"] for row in patterns])
    messages = distinct_messages(fitted, ids)
    held = held_back(ids, messages, quick.training.holdout)
    assert 0.1 < held.sum() / messages.sum() < 0.2
    out = held == messages
    assert out.any()
    stored = fitted.read("assignments.of_version", version=1)
    assert stored["held_out"].to_pylist() == out.tolist()

    def weights(name: str, changed: set[str]) -> dict[str, np.ndarray]:
        with connect(tmp_path / name) as store:
            path = str(fitted.workspace.folder / "fleet.jsonl")
            ingest(store, [path], IngestOptions(source="fleet"), quick.ingest)
            embed(store, Chosen(changed), 1000)
            with Job(store, "train") as job:
                train_version(store, quick, "letters", job)
            folder = store.workspace.folder / active_version(store)["folder"]
            state = load_checkpoint(folder)[0].model.state_dict()
            return {key: value.numpy().copy() for key, value in state.items()}

    plain = weights("plain", set())
    held = weights("held", set(texts[out]))
    seen = weights("seen", {str(texts[~out][0])})
    assert all(np.array_equal(plain[key], held[key]) for key in plain)
    assert not all(np.array_equal(plain[key], seen[key]) for key in plain)


def test_continuation_keeps_components_counts_epochs_and_stays_a_candidate(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    before = load_assigned(fitted, 1, 16)
    done = retrain(fitted, quick, encoder)
    assert not done.promoted
    assert statuses(fitted) == {1: "active", 2: "candidate"}
    rows = {row["version"]: row for row in fitted.rows("model_versions.list")}
    assert rows[2]["parent"] == 1
    assert rows[2]["epochs"] == rows[1]["epochs"] + 2
    epochs = fitted.rows("model_versions.epochs", job_id=rows[2]["job_id"])
    assert [row["epoch"] for row in epochs] == [rows[1]["epochs"] + 1, rows[1]["epochs"] + 2]

    def identities(version: int) -> dict[int, str]:
        components = fitted.rows("model_versions.components", version=version)
        return {row["component"]: row["component_id"] for row in components}

    assert identities(2) == identities(1)
    after = load_assigned(fitted, 2, 16)
    assert after.pattern_ids.tolist() == before.pattern_ids.tolist()
    same = after.responsibilities.toarray().argmax(1) == before.responsibilities.toarray().argmax(1)
    assert same.mean() > 0.7  # chance is about 1 in 16: a component stays the same component
    spread = np.ptp(before.map_xy, axis=0).max()  # and the map keeps its shape
    assert np.median(np.linalg.norm(after.map_xy - before.map_xy, axis=1)) < 0.15 * spread


def test_a_version_from_nothing_finds_its_components_again(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    """The same seed and data make the same model: every component is the one it was."""
    with Job(fitted, "train") as job:
        train_version(fitted, quick, encoder.version, job, fresh=True)
    rows = {row["version"]: row for row in fitted.rows("model_versions.list")}
    assert rows[2]["parent"] is None
    assert rows[2]["epochs"] == rows[1]["epochs"]
    first, second = (
        {
            row["component_id"]: row["name"]
            for row in fitted.rows("model_versions.components", version=v)
            if row["status"] == "active"
        }
        for v in (1, 2)
    )
    assert first == second
    events = fitted.rows("model_versions.component_events", version=2)
    assert {row["event"] for row in events} == {"kept"}
    assert min(row["overlap"] for row in events) > 0.999
    other = with_overrides(quick, {"training.seed": 5, "model.components": 12})
    with Job(fitted, "train") as job:
        train_version(fitted, other, encoder.version, job, fresh=True)
    third = {
        row["component_id"]
        for row in fitted.rows("model_versions.components", version=3)
        if row["status"] == "active"
    }
    events = fitted.rows("model_versions.component_events", version=3)
    retired = {row["component_id"] for row in events if row["event"] == "retired"}
    assert retired == set(first) - third  # every identity lives on or ends, none is lost
    assert third & set(first)
    for row in events:
        history = fitted.rows("model_versions.component_history", component_id=row["component_id"])
        assert history[-1]["event"] == row["event"] or history[-1]["component"] is not None


def test_promote_and_roll_back(fitted: Store, quick: Settings, encoder: Encoder) -> None:
    with pytest.raises(NotReady, match="nothing to roll back"):
        roll_back(fitted, quick.labelling)
    retrain(fitted, quick, encoder, 1)
    promote(fitted, 2, quick.labelling)
    assert statuses(fitted) == {1: "retired", 2: "active"}
    promote(fitted, 2, quick.labelling)  # once more changes nothing
    assert statuses(fitted) == {1: "retired", 2: "active"}
    retrain(fitted, quick, encoder, 1)
    promote(fitted, 3, quick.labelling)
    assert roll_back(fitted, quick.labelling) == 2
    assert statuses(fitted) == {1: "retired", 2: "active", 3: "candidate"}
    assert roll_back(fitted, quick.labelling) == 1
    assert statuses(fitted) == {1: "active", 2: "candidate", 3: "candidate"}
    with pytest.raises(NotReady):
        roll_back(fitted, quick.labelling)
    with pytest.raises(InputError, match="no version 9; known: 1, 2, 3"):
        promote(fitted, 9, quick.labelling)


def test_no_way_back_to_a_version_without_assignments(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    retrain(fitted, quick, encoder, 1)
    promote(fitted, 2, quick.labelling)
    fitted.write("assignments.prune", keep=0)
    with pytest.raises(NotReady, match="version 1 has scored no pattern"):
        roll_back(fitted, quick.labelling)
    assert statuses(fitted)[2] == "active"


def test_promotion_brings_labels_given_meanwhile(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    retrain(fitted, quick, encoder, 1)
    pattern = fitted.rows("patterns.all")[0]["pattern_id"]
    give_label(fitted, [pattern], "given later", "click", "ann")
    assert set(fitted.read("assignments.labelled", version=2)["label"].to_pylist()) == {None}
    promote(fitted, 2, quick.labelling)
    rows = {r["pattern_id"]: r for r in fitted.rows("assignments.labelled", version=2)}
    assert (rows[pattern]["label"], rows[pattern]["verdict"]) == ("given later", "known")
    give_label(fitted, [pattern], "renamed", "click", "ann")
    assert roll_back(fitted, quick.labelling) == 1
    rows = {r["pattern_id"]: r for r in fitted.rows("assignments.labelled", version=1)}
    assert rows[pattern]["label"] == "renamed"


def test_labels_given_during_the_first_training_count(
    tmp_path: Path, quick: Settings, fitted: Store
) -> None:
    with connect(tmp_path / "first") as store:
        path = str(fitted.workspace.folder / "fleet.jsonl")
        ingest(store, [path], IngestOptions(source="fleet"), quick.ingest)
        embed(store, Chosen(set()), 1000)
        pattern = store.rows("patterns.all")[0]["pattern_id"]

        def meanwhile(done: float, total: float | None, detail: str) -> None:
            if done == 1 and not store.rows("labels.current"):
                give_label(store, [pattern], "early", "click", "ann")

        with Job(store, "train", on_progress=meanwhile) as job:
            assert train_version(store, quick, "letters", job).promoted
        rows = {r["pattern_id"]: r["label"] for r in store.rows("assignments.labelled", version=1)}
        assert rows[pattern] == "early"


def test_labels_enter_the_loss_and_the_metrics(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    truth = fitted.rows("devices.truth")
    for kind in sorted({row["truth_label"] for row in truth})[:3]:
        chosen = [row["pattern_id"] for row in truth if row["truth_label"] == kind][:6]
        give_label(fitted, chosen, kind, "lasso", "ann")
    labelled = fitted.read("labels.current").num_rows
    done = retrain(fitted, quick, encoder)
    assert done.metrics["labelled_patterns"] == labelled
    assert 0.0 <= done.metrics["label_accuracy_cross_fitted"] <= 1.0
    stored = json.loads(fitted.rows("model_versions.list")[0]["metrics"])
    assert stored == done.metrics
    job_id = fitted.rows("model_versions.list")[0]["job_id"]
    for row in fitted.rows("model_versions.epochs", job_id=job_id):
        assert row["classification"] > 0
        assert row["contrastive"] is not None


@pytest.mark.parametrize("from_inside", [True, False])
def test_cancelled_in_the_middle_nothing_is_left(
    fitted: Store, quick: Settings, encoder: Encoder, from_inside: bool
) -> None:
    before = files(fitted.workspace.models)
    long = with_overrides(quick, {"training.epochs": 500})

    def cancel(done: float, total: float | None, detail: str) -> None:
        if done == 2 and from_inside:
            job.stop()
        elif done == 2:
            fitted.write("jobs.cancel", job_id=job.job_id)

    job = Job(fitted, "train", on_progress=cancel)
    with pytest.raises(JobCancelled), job:
        train_version(fitted, long, encoder.version, job)
    assert fitted.rows("jobs.get", job_id=job.job_id)[0]["status"] == "cancelled"
    assert len(fitted.rows("model_versions.epochs", job_id=job.job_id)) < 100
    assert statuses(fitted) == {1: "active"}
    assert files(fitted.workspace.models) == before
    assert fitted.rows("assignments.counts") == [
        {"version": 1, "patterns": fitted.read("patterns.all").num_rows}
    ]


def test_nothing_to_train_on_is_said(store: Store, quick: Settings) -> None:
    with pytest.raises(NotReady, match="genlab ingest"), Job(store, "train") as job:
        train_version(store, quick, "no-such-encoder", job)
    (row,) = store.rows("jobs.list", limit=2)
    assert row["status"] == "failed"
    assert "0 embedded patterns" in row["detail"]
