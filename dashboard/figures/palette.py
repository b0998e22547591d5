"""The colours of labels, verdicts and scales: one place for pages, figures and the map.

Labels carry the hues; grey is what is not known, amber doubt, red alarm.  The first eight label
colours keep the order of hues of Okabe and Ito (2008, "Color Universal Design"), moved by a random
search that maximised the smallest CIELAB distance under normal vision, protanopia and deuteranopia
(Machado et al. 2009) while every colour keeps a contrast of at least 2.5 on white and on the dark
surface; tests/dashboard/test_palette.py repeats the measurement.
"""

from collections.abc import Iterable

LABEL_COLOURS: tuple[str, ...] = (
    "#2e6a9f",  # blue
    "#db9600",  # orange
    "#03946a",  # green
    "#c396ba",  # mauve
    "#b94800",  # vermilion
    "#26adf3",  # sky
    "#a1aa5c",  # olive
    "#5b52c7",  # violet
    *("#e35264", "#18777c", "#97d765", "#7f0053", "#cc65d0", "#623600", "#03d9f2", "#50612f"),
    *("#fb4c9b", "#4a3578", "#cfcb42", "#16851a", "#008cfd", "#7d444a", "#97d3b5", "#00e192"),
)
"""24 colours: eight by hand and search, sixteen more by the same search with a floor of 1.7 in
contrast and chroma between 26 and 72 (never grey, never neon)."""

UNKNOWN = "#9aa4b0"
UNSCORED = "#ccd2d9"
ACCENT = "#3d72e0"
AMBER = "#c98a06"
RED = "#cf3b34"
INK = "#6b7785"  # text and axes of figures: readable on both surfaces; the CSS overrides it

VERDICT_COLOURS: dict[str, str] = {
    "known": ACCENT,
    "unnamed": UNKNOWN,
    "between": AMBER,
    "novel": RED,
}
"""One colour for each of genlab.records.VERDICTS, in their order."""

CONFIDENCE_SCALE = ("#db9600", "#8fa04e", "#3d97a3", "#3d72e0")  # doubt to certainty
DOUBT_SCALE = ("#3b7bbd", "#74a07a", "#db9600", "#cf3b34")  # s_ood, novelty
TIME_SCALE = ("#8d7fb0", "#4c7fb4", "#2aa198", "#9fb83a")  # first seen to last seen
"""Scales run through mid tones only, so that both ends show on a light and on a dark
surface, and past no grey: grey means unknown."""


def label_colours(count: int) -> list[str]:
    """``count`` label colours; after 24 they repeat."""
    return [LABEL_COLOURS[k % len(LABEL_COLOURS)] for k in range(count)]


def component_colours(identities: Iterable[int]) -> list[str]:
    """A steady colour per component identity: neighbours in number get different hues."""
    return [LABEL_COLOURS[(int(k) * 5) % len(LABEL_COLOURS)] for k in identities]
