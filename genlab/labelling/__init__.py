"""Label store and tau, propagation, calibration, novelty and verdicts, what to ask next."""

from genlab.labelling.calibration import (
    Acceptance,
    Bins,
    CrossFitted,
    accept_threshold,
    ece,
    reliability,
)
from genlab.labelling.conformal import conformal_p, flag_threshold, hold_out, new_kind_share
from genlab.labelling.ground import Ground, Queries, lay_ground, queries, some, themselves
from genlab.labelling.label_store import NO_LABEL, label_counts, tau
from genlab.labelling.novelty import NoveltyModel, fit_novelty, novelty_p, novelty_score, verdicts
from genlab.labelling.propagation import (
    LabelModel,
    Propagation,
    apply_labels,
    fit_labels,
    label_probabilities,
    propagate,
    s_ood,
    update_labels,
)
from genlab.labelling.reach import Reach, fit_reach, named_chance, reach_p, update_reach
from genlab.labelling.responsibilities import Responsibilities, from_stored, top
from genlab.labelling.suggest import Suggestion, suggest

__all__ = [
    "NO_LABEL",
    "Acceptance",
    "Bins",
    "CrossFitted",
    "Ground",
    "LabelModel",
    "NoveltyModel",
    "Propagation",
    "Queries",
    "Reach",
    "Responsibilities",
    "Suggestion",
    "accept_threshold",
    "apply_labels",
    "conformal_p",
    "ece",
    "fit_labels",
    "fit_novelty",
    "fit_reach",
    "flag_threshold",
    "from_stored",
    "hold_out",
    "label_counts",
    "label_probabilities",
    "lay_ground",
    "named_chance",
    "new_kind_share",
    "novelty_p",
    "novelty_score",
    "propagate",
    "queries",
    "reach_p",
    "reliability",
    "s_ood",
    "some",
    "suggest",
    "tau",
    "themselves",
    "top",
    "update_labels",
    "update_reach",
    "verdicts",
]
