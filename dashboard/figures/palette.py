"""The colours of labels, verdicts and scales: one place for pages, figures and the map.

Labels carry the hues; grey is what is not known, amber doubt, red alarm.  The first eight label
colours keep the order of hues of Okabe and Ito (2008, "Color Universal Design"), moved by a random
search that maximised the smallest CIELAB distance under normal vision, protanopia and deuteranopia
(Machado et al. 2009) while every colour keeps a contrast of at least 2.5 on white and on the dark
surface; tests/dashboard/test_palette.py repeats the measurement.
"""

from collections.abc import Sequence

_BASE = (
    "#2e6a9f",  # blue
    "#db9600",  # orange
    "#03946a",  # green
    "#c396ba",  # mauve
    "#b94800",  # vermilion
    "#26adf3",  # sky
    "#a1aa5c",  # olive
    "#5b52c7",  # violet
)


def mix(colour: str, other: str, share: float) -> str:
    """``colour`` with ``share`` in [0, 1] of ``other`` mixed in (sRGB); both "#rrggbb"."""
    a, b = (tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in (colour, other))
    return "#" + "".join(f"{round(u + (v - u) * share):02x}" for u, v in zip(a, b, strict=True))


LABEL_COLOURS: tuple[str, ...] = (
    *_BASE,
    *(mix(c, "#000000", 0.38) for c in _BASE),
    *(mix(c, "#ffffff", 0.45) for c in _BASE),
)
"""24 colours: the base eight, then the same hues darker, then lighter."""

UNKNOWN = "#9aa4b0"
UNSCORED = "#ccd2d9"
ACCENT = "#2f5fd0"
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

CONFIDENCE_SCALE = ("#d99a1c", "#b9b8a8", "#6f98c9", "#2f5fd0")  # doubt to certainty
DOUBT_SCALE = ("#6f98c9", "#b9b8a8", "#d99a1c", "#cf3b34")  # s_ood, novelty
TIME_SCALE = ("#8d7fb0", "#4c7fb4", "#2aa198", "#9fb83a")  # first seen to last seen
"""Scales run through mid tones only, so that both ends show on a light and on a dark surface."""


def label_colours(count: int) -> list[str]:
    """``count`` label colours; after 24 they repeat."""
    return [LABEL_COLOURS[k % len(LABEL_COLOURS)] for k in range(count)]


def component_colours(identities: Sequence[int]) -> list[str]:
    """A steady colour per component identity: neighbours in number get different hues."""
    return [LABEL_COLOURS[(int(k) * 5) % len(LABEL_COLOURS)] for k in identities]
