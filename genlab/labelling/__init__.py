"""Label store and tau, propagation, calibration, novelty and verdicts, what to ask next."""

from genlab.labelling.calibration import (
    Acceptance,
    Bins,
    CrossFitted,
    accept_threshold,
    cross_fit,
    ece,
    fit_temperature,
    reliability,
    temper,
)
from genlab.labelling.label_store import NO_LABEL, label_counts, tau
from genlab.labelling.novelty import conformal_p, verdicts
from genlab.labelling.propagation import (
    LabelModel,
    Propagation,
    apply_labels,
    evidence,
    fit_labels,
    label_probabilities,
    propagate,
    s_ood,
)
from genlab.labelling.responsibilities import Responsibilities, from_stored, top
from genlab.labelling.suggest import Suggestion, suggest

__all__ = [
    "NO_LABEL",
    "Acceptance",
    "Bins",
    "CrossFitted",
    "LabelModel",
    "Propagation",
    "Responsibilities",
    "Suggestion",
    "accept_threshold",
    "apply_labels",
    "conformal_p",
    "cross_fit",
    "ece",
    "evidence",
    "fit_labels",
    "fit_temperature",
    "from_stored",
    "label_counts",
    "label_probabilities",
    "propagate",
    "reliability",
    "s_ood",
    "suggest",
    "tau",
    "temper",
    "top",
    "verdicts",
]
