"""Scoring without training, predictions and their export, on a real store."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from genlab.config import Settings, load_settings, with_overrides
from genlab.encoders import Encoder
from genlab.errors import InputError, NotReady
from genlab.ingest import IngestOptions, load_masker, pattern_id
from genlab.labelling import fit_novelty, novelty_p, novelty_score
from genlab.labelling.graph import NEIGHBOURS
from genlab.labelling.neighbours import directions, nearest
from genlab.labelling.suggest import PAYS
from genlab.pipeline.assigned import load_assigned
from genlab.pipeline.export import export_predictions
from genlab.pipeline.ingest import ingest
from genlab.pipeline.labels import give_label, propagate_labels
from genlab.pipeline.predict import Predictor
from genlab.pipeline.score import score_new
from genlab.pipeline.suggest import suggestions
from genlab.pipeline.tables import matrix
from genlab.store import Store

KEYS = [
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
VERDICTS = {"known", "unnamed", "between", "novel"}
STRANGE = [
    "the quick brown fox declines to jump over anything today",
    "recipe: two eggs, flour, and a pinch of nutmeg",
    "DROP TABLE message; -- bobby",
]


def label_by_truth(store: Store, settings: Settings, kinds: int = 4) -> None:
    rows = store.rows("devices.truth")
    for label in sorted({row["truth_label"] for row in rows})[:kinds]:
        chosen = [row["pattern_id"] for row in rows if row["truth_label"] == label][:5]
        give_label(store, chosen, label, "lasso", "ann")
    propagate_labels(store, settings.labelling)


def more(store: Store, settings: Settings, texts: list[str]) -> list[str]:
    """Ingest ``texts``; their patterns' ids."""
    path = store.workspace.folder / "more.log"
    path.write_text("\n".join(texts) + "\n")
    ingest(store, [str(path)], IngestOptions(format="text", source="more"), settings.ingest)
    masker = load_masker(settings.ingest, store.workspace.folder)
    return [pattern_id(masker.mask(text)) for text in texts]


def test_new_patterns_are_placed_and_old_ones_stay(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    before = fitted.read("assignments.of_version", version=1).to_pylist()
    trained = load_assigned(fitted, 1, 16)
    new = more(fitted, quick, STRANGE)
    assert fitted.read("checks.unscored_patterns").num_rows == len(STRANGE)
    done = score_new(fitted, encoder, quick)
    assert (done.version, done.embedded, done.scored) == (1, 3, 3)
    table = fitted.read("assignments.of_version", version=1)
    rows = {row["pattern_id"]: row for row in table.to_pylist()}
    assert [rows[row["pattern_id"]] for row in before] == before
    old_xy = np.array([(row["map_x"], row["map_y"]) for row in before])
    for pattern in new:
        row = rows[pattern]
        assert sum(row["responsibilities"]) == pytest.approx(1.0, abs=1e-5)
        assert not row["held_out"]  # or the p-values would be calibrated on what they judge
        assert 0 < row["novelty_p"] <= 1
        assert (old_xy.min(axis=0) - 1e-3 <= (row["map_x"], row["map_y"])).all()
        assert ((row["map_x"], row["map_y"]) <= old_xy.max(axis=0) + 1e-3).all()
    # p among the patterns the version was trained with, their neighbours found once more
    masker = load_masker(quick.ingest, fitted.workspace.folder)
    vectors = encoder.encode([masker.mask(text) for text in STRANGE])
    centre = trained.vectors.mean(axis=0)
    unit = directions(trained.vectors, centre)
    near = nearest(unit, unit, NEIGHBOURS, np.arange(len(unit)))
    model = fit_novelty(near, trained.messages, trained.held, trained.log_px)
    found = nearest(directions(vectors, centre), unit, NEIGHBOURS)
    log_px = np.array([rows[pattern]["log_px"] for pattern in new])
    p = novelty_p(model, novelty_score(model, found, log_px))
    np.testing.assert_allclose([rows[each]["novelty_p"] for each in new], p, atol=1e-6)


def test_what_is_new_stays_so_until_it_is_learnt(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    """A near twin of a pattern that came after the training finds no company in it."""
    twin = STRANGE[0].replace("today", "tomorrow")
    first = Predictor(fitted, quick).predict([twin])[0]
    more(fitted, quick, STRANGE)
    score_new(fitted, encoder, quick)
    again = Predictor(fitted, quick).predict([twin])[0]
    assert again["novelty_p"] == first["novelty_p"]
    more(fitted, quick, [twin])
    score_new(fitted, encoder, quick)
    assigned = load_assigned(fitted, 1, 16)
    row = assigned.rows_of([first["pattern_id"]])[0]
    assert assigned.novelty_p[row] == pytest.approx(first["novelty_p"], abs=1e-6)
    assert not assigned.messages[row]


def test_scoring_twice_changes_nothing(fitted: Store, quick: Settings, encoder: Encoder) -> None:
    label_by_truth(fitted, quick)
    more(fitted, quick, STRANGE)
    score_new(fitted, encoder, quick)
    tables = ("assignments.of_version", "model_versions.components")
    before = [fitted.rows(name, version=1) for name in tables]
    again = score_new(fitted, encoder, quick)
    assert (again.embedded, again.scored, again.novel) == (0, 0, 0)
    assert [fitted.rows(name, version=1) for name in tables] == before


def test_scoring_needs_a_version_and_its_encoder(
    store: Store, fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    with pytest.raises(NotReady, match="genlab train"):
        score_new(store, encoder, quick)

    class Other:
        name, version, dimension = "other", "0123", 3

        def encode(self, texts, progress=None):
            return np.ones((len(texts), 3), np.float32)

    with pytest.raises(NotReady, match="0123"):
        score_new(fitted, Other(), quick)


def test_a_stored_message_is_answered_with_what_is_stored(fitted: Store, quick: Settings) -> None:
    label_by_truth(fitted, quick)
    predictor = Predictor(fitted, quick)
    table = fitted.rows("messages.predictions")[::7]
    answers = predictor.predict([{"text": r["text"], "message_id": r["message_id"]} for r in table])
    assert predictor._encoder is None  # looked up, not embedded
    for row, answer in zip(table, answers, strict=True):
        assert list(answer) == KEYS
        for key in ("message_id", "pattern_id", "verdict", "component"):
            assert answer[key] == row[key], key
        for key in ("confidence", "responsibility", "s_ood", "novelty_p"):
            assert answer[key] == pytest.approx(row[key], abs=2e-5), key
        assert answer["label"] == row["label"]
    assert {row["verdict"] for row in table} > {"known"}


def test_an_unseen_message_is_answered_as_scoring_would(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    label_by_truth(fitted, quick)
    predictor = Predictor(fitted, quick)
    stored = fitted.rows("messages.predictions")[0]["text"]
    counts = fitted.rows("messages.totals")
    answers = predictor.predict([STRANGE[0], stored, {"text": STRANGE[1]}, STRANGE[2]])
    assert fitted.rows("messages.totals") == counts  # nothing was stored
    for answer in answers:
        assert list(answer) == KEYS
        shown = [each["probability"] for each in answer["labels"]]
        assert shown == sorted(shown, reverse=True)
        assert sum(shown) == pytest.approx(1.0, abs=1e-4)  # four labels, all shown
        assert answer["verdict"] in VERDICTS
        assert all(0 <= answer[k] <= 1 for k in ("confidence", "responsibility", "s_ood"))
        json.dumps(answer)
    more(fitted, quick, STRANGE)
    score_new(fitted, encoder, quick)
    rows = {row["text"]: row for row in fitted.rows("messages.predictions")}
    asked = [STRANGE[0], stored, STRANGE[1], STRANGE[2]]
    for text, answer in zip(asked, answers, strict=True):
        assert answer["pattern_id"] == rows[text]["pattern_id"]
        assert answer["component"] == rows[text]["component"]
        # bfloat16 sums differ a little with the batch a text stands in
        assert answer["responsibility"] == pytest.approx(rows[text]["responsibility"], abs=0.05)


def test_the_predictor_notices_new_labels_and_patterns(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    predictor = Predictor(fitted, quick)
    text = fitted.rows("messages.predictions")[0]["text"]
    assert predictor.predict([text])[0]["label"] is None
    pattern = predictor.predict([text])[0]["pattern_id"]
    give_label(fitted, [pattern], "named now", "key", "ann")
    answer = predictor.predict([text])[0]
    assert (answer["label"], answer["verdict"]) == ("named now", "known")
    (new,) = more(fitted, quick, STRANGE[:1])
    score_new(fitted, encoder, quick)
    give_label(fitted, [new], "a fox", "key", "ann")
    answer = predictor.predict(STRANGE[:1])[0]
    assert (answer["label"], answer["verdict"]) == ("a fox", "known")


@pytest.mark.parametrize("record", ["", "  ", {}, {"text": ""}, {"text": 3}, {"txt": "x"}])
def test_a_record_without_text_is_refused_by_its_number(
    fitted: Store, quick: Settings, record: object
) -> None:
    with pytest.raises(InputError, match="record 2"):
        Predictor(fitted, quick).predict(["fine", record])  # type: ignore[list-item]


def test_no_prediction_before_a_model(store: Store, quick: Settings) -> None:
    assert Predictor(store, quick).predict([]) == []
    with pytest.raises(NotReady, match="genlab train"):
        Predictor(store, quick).predict(["x"])


def test_another_encoder_than_the_versions_is_refused(fitted: Store, quick: Settings) -> None:
    plain = load_settings(overrides=['encoder.precision="float32"'])
    if not _has_bfloat16():
        pytest.skip("this processor has no bfloat16: both settings name one encoder")
    with pytest.raises(NotReady, match="another encoder"):
        Predictor(fitted, plain).predict(STRANGE)


def _has_bfloat16() -> bool:
    import torch

    from genlab.encoders.sentence import _has_bfloat16 as has

    return has(torch)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_predictions_of_every_message_in_every_format(
    fitted: Store, quick: Settings, tmp_path: Path, ending: str
) -> None:
    label_by_truth(fitted, quick)
    more(fitted, quick, ['=HYPERLINK("http://x")', "- minus first", 'quote " and , comma'])
    path = tmp_path / f"predictions.{ending}"
    rows = export_predictions(fitted, path)
    stored = {row["message_id"]: row for row in fitted.rows("messages.predictions")}
    assert rows == len(stored) == fitted.rows("messages.totals")[0]["messages"]
    if ending == "parquet":
        read = pyarrow.parquet.read_table(path).to_pylist()
    elif ending == "jsonl":
        read = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    else:
        with path.open(newline="", encoding="utf-8") as file:
            read = list(csv.DictReader(file))
    assert len(read) == rows
    for row in read:
        truth = stored[row["message_id"]]
        assert set(row) == set(truth)
        text = row["text"]
        if ending == "csv":
            assert text[:1] not in set("=+-@")
            text = text.removeprefix("'")
            assert (row["label"] or None) == truth["label"]
        else:
            assert row["label"] == truth["label"]
            assert row["confidence"] == truth["confidence"]
        assert text == truth["text"]
        assert (row["verdict"] or None) == truth["verdict"]


def test_other_endings_are_refused(fitted: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.csv, \.parquet or \.jsonl"):
        export_predictions(fitted, tmp_path / "predictions.xlsx")
    assert list(tmp_path.glob("*.xlsx")) == []


def test_suggestions_are_unlabelled_and_worth_their_messages(
    fitted: Store, quick: Settings
) -> None:
    total = fitted.rows("messages.totals")[0]["messages"]
    found, ahead = suggestions(fitted, quick.labelling, 5)
    assert len({each["pattern_id"] for each in found}) == 5
    worth = [each["would_settle"] for each in found]
    assert worth == sorted(worth, reverse=True)
    assert 0 < sum(worth) <= total
    assert ahead.questions == 10
    assert ahead.lower <= ahead.per_question <= ahead.upper
    assert ahead.threshold == pytest.approx(PAYS * total)
    give_label(fitted, [found[0]["pattern_id"]], "answered", "key", "ann")
    assert found[0]["pattern_id"] not in {
        each["pattern_id"] for each in suggestions(fitted, quick.labelling, 5).questions
    }


def test_responsibilities_stay_whole_after_scoring(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    more(fitted, quick, STRANGE)
    score_new(fitted, encoder, quick)
    values = matrix(fitted.read("assignments.of_version", version=1)["responsibilities"])
    np.testing.assert_allclose(values.sum(axis=1), 1.0, atol=1e-5)
    assert fitted.read("checks.broken_responsibilities").num_rows == 0


def test_labels_of_an_answer_agree_with_its_label(fitted: Store, quick: Settings) -> None:
    label_by_truth(fitted, quick)
    texts = [row["text"] for row in fitted.rows("messages.predictions")]
    given = {row["pattern_id"]: row["label"] for row in fitted.rows("labels.current")}
    for answer in Predictor(fitted, quick).predict(texts + STRANGE):
        if answer["label"] is None:
            assert answer["labels"] == []
            continue
        first = answer["labels"][0]
        assert first["label"] == answer["label"]
        assert first["probability"] == pytest.approx(answer["confidence"], abs=1e-5)
        assert sum(each["probability"] for each in answer["labels"]) <= 1 + 1e-5
        if answer["pattern_id"] in given:
            assert answer["label"] == given[answer["pattern_id"]]
            assert answer["labels"] == [{"label": answer["label"], "probability": 1.0}]


def test_another_encoder_is_refused_every_time(fitted: Store, quick: Settings) -> None:
    predictor = Predictor(fitted, quick)
    fitted.write("model_versions.promote", version=1)
    other = with_overrides(quick, {"encoder.precision": "float32"})
    if not _has_bfloat16():
        pytest.skip("without bfloat16 both precisions are one encoder version")
    refused = Predictor(fitted, other)
    for _ in range(2):
        with pytest.raises(NotReady, match="another encoder"):
            refused.predict(STRANGE)
    assert len(predictor.predict(STRANGE)) == len(STRANGE)


@pytest.mark.parametrize("text", ["\ud800", "nul \0 inside"])
def test_text_that_cannot_be_stored_is_refused_in_words(
    fitted: Store, quick: Settings, text: str
) -> None:
    with pytest.raises(InputError, match="record 1: found"):
        Predictor(fitted, quick).predict([text])
