"""Names of components."""

import numpy as np

from genlab.pipeline.components import component_names


def test_names_are_the_words_that_set_a_component_apart() -> None:
    texts = ["pump <NUM> pressure low", "pump <PATH:down> pressure low", "fan <NUM> speed low"]
    names = component_names(texts, np.array([0, 0, 1]), 3)
    assert names[0].split()[:2] == ["pressure", "pump"]
    assert set(names[1].split()) == {"fan", "speed", "low"}
    assert names[2] == "spare"


def test_masks_are_no_words() -> None:
    assert component_names(["<NUM> <HEX> <MAC>"], np.array([0]), 1) == ["unnamed"]
