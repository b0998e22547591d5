"""What somebody was unsure of is not the first to be asked again."""

from genlab.config import Settings
from genlab.pipeline.labels import give_label, remark, take_back
from genlab.pipeline.suggest import suggestions
from genlab.store import Store


def asked(store: Store, quick: Settings, count: int) -> list[str]:
    found = suggestions(store, quick.labelling, count).questions
    return [question["pattern_id"] for question in found]


def test_unsure_is_asked_last(fitted: Store, quick: Settings) -> None:
    first = asked(fitted, quick, 10)[0]
    remark(fitted, [first], "unsure", "", "key", "ann")
    assert first not in asked(fitted, quick, 10)
    everything = asked(fitted, quick, 10_000)
    assert everything[-1] == first, "when nothing else is left"
    assert len(set(everything)) == len(everything)
    take_back(fitted, "ann")
    assert asked(fitted, quick, 10)[0] == first
    remark(fitted, [first], "unsure", "", "key", "ann")
    give_label(fitted, [first], "pump", "key", "bob")
    assert first not in asked(fitted, quick, 10_000), "a label settles it"
