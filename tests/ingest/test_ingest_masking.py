"""Masking: examples, idempotence, opposites kept apart, linear time, LogHub's templates."""

import csv
import re
import time
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genlab.config import load_settings
from genlab.errors import ConfigError
from genlab.ingest import Masker, load_masker, pattern_id
from genlab.resources import resource

LOGHUB = Path("/work/shared/data/loghub")
if not LOGHUB.exists():
    LOGHUB = Path(__file__).parents[2] / ".." / "shared" / "data" / "loghub"
MASKER = load_masker(load_settings().ingest)


def words(text: str) -> list[str]:
    return text.split()


PIECES = st.sampled_from(
    [
        " ",
        "\t",
        *words("""10.251.43.21 :50010 /var/log/x.log 2015-07-29 17:41:44,747 blk_-69 0x1f 9f4ef63
    <NUM> <PATH:on> < > www.example.com http://x.y/z a@b.co /power/on C:\\a\\b 5 -5
    1.5e3 dead added fe80::1 : .
    - _ /
    00:1b:44:11:3a:b7 bf1a281b-ad7b-4476-ac95-f47682990ce7 Jun 14 15:16:01 Sun 2005 x7Gh29KpQ01zRt5L
    \\ ~ @ [ ] ( ) = " ' é ٣ off UTC +0800 v2 com hk e E 0x \x0e"""),
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60)


@settings(max_examples=600, deadline=None)
@given(TEXTS)
@example("1/var/log")
@example("x.com.5")
@example("Jun <NUM> 15:16:01")
def test_masking_twice_changes_nothing(text: str) -> None:
    once = MASKER.mask(text)
    assert MASKER.mask(once) == once


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_the_memory_of_words_changes_nothing(text: str) -> None:
    fresh = load_masker(load_settings().ingest)
    assert fresh.mask(text) == MASKER.mask(text)
    assert not re.search(r"\d", MASKER.mask(text)), "a digit was left"


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_numbers_share_a_pattern_and_units_stay(first: int, second: int) -> None:
    assert MASKER.mask(f"took {first} ms") == MASKER.mask(f"took -{second} ms") == "took <NUM> ms"
    assert MASKER.mask(f"blk_{first}") == MASKER.mask(f"blk_-{second}")


OPPOSITES = [
    pair.split("/")
    for pair in words("""on/off up/down
    open/closed opened/closed start/stop started/stopped ok/failed
    success/failure true/false enable/disable enabled/disabled connect/disconnect yes/no
    connected/disconnected accepted/rejected granted/denied locked/unlocked valid/invalid
    online/offline alive/dead healthy/unhealthy added/removed created/deleted attached/detached
    mounted/unmounted loaded/unloaded login/logout high/low full/empty found/lost armed/disarmed
    active/inactive known/unknown available/unavailable allow/deny block/unblock install/uninstall
    register/unregister charge/discharge increase/decrease in/out good/bad read/write send/receive
    acquire/release primary/secondary leader/follower first/last normal/abnormal""")
]
AROUND = st.sampled_from(
    words("""{} {}: ={} state={}, [{}] ({}) "{}" /power/{} /a/{}/b.c valve/{} ./{} ~/{}/x /dev/{}1
    C:\\x\\{}\\y
    \\\\host\\{}\\x http://h.com/{} https://{}.example.com/a?b={}&c=1 {}.example.com
    a.{}.proxy.co.hk
    mail-{}@example.com {}@example.com link_{}_7 {}-7 7-{} {}7 {}=1 0x1f{{{}}} _{}_ <{}> <PATH:{}>
    10.0.0.1:{} 10.0.0.1/{} 12:00:{} Jun_{} a1b2c3d4e5f6g7h8-{}-i9""")
)
WORDS = st.lists(
    st.sampled_from(words("valve 17 10.0.0.1:80 pump /var/x.log 2026-01-31 0x1f a@b.co is Jun 14")),
    max_size=4,
).map(" ".join)


@settings(max_examples=800, deadline=None)
@given(
    st.sampled_from(OPPOSITES), AROUND, WORDS, WORDS, st.sampled_from(["lower", "upper", "title"])
)
def test_opposites_never_share_a_pattern(
    pair: list[str], around: str, before: str, after: str, case: str
) -> None:
    one, other = (
        MASKER.mask(f"{before} {around.replace('{}', getattr(word, case)())} {after}")
        for word in pair
    )
    assert one != other


ENDS = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzäßжλ"), min_size=1, max_size=20)


@settings(max_examples=400, deadline=None)
@given(
    ENDS,
    ENDS,
    st.sampled_from(
        words("""/hvac/mode/{} http://gw/door/{} /power/{} ~/q/{} ./x/{}/ C:\\valve\\{} /door/{}/3
        https://h.example.com:80/set?mode={}&seq=5 /x/is-{}.""")
    ),
)
@example("auto", "manual", "/hvac/mode/{}")
@example("ajar", "shut", "http://gw/door/{}")
@example("standby", "awake", "/power/{}")
@example("failures", "nofailures", "/q/{}")
@example("isopen", "isclosed", "/x/{}")
def test_what_a_path_ends_in_stays_whatever_the_word(one: str, other: str, around: str) -> None:
    first, second = (MASKER.mask(f"sent {around.replace('{}', w)} twice") for w in (one, other))
    assert (first == second) == (one == other)
    assert MASKER.mask(first) == first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/var/log/app7.log", "<PATH>"),
        ("/home/jane/db7", "<PATH>"),
        ("http://gateway", "<URL>"),
        ("http://gw:80/valve/12", "<URL:valve>"),
        ("C:\\", "<PATH>"),
        ("/door/wideOpen", "<PATH:wide:open>"),
        ("/off/mode/Auto_Heat", "<PATH:off:auto:heat>"),
        ("/blob/" + "x" * 41, "<PATH>"),
    ],
)
def test_of_paths_only_a_last_word_stays(text: str, expected: str) -> None:
    assert MASKER.mask(text) == expected


def test_words_that_could_be_hexadecimal_stay() -> None:
    text = "dead added face bad decade cafe12 5bad beef facade"
    assert MASKER.mask(text) == "dead added face bad decade cafe<NUM> <NUM>bad beef facade"


@pytest.mark.parametrize(
    "text",
    [
        "a" * 65536,
        "a." * 32768,
        "a-" * 32768,
        "1." * 32768,
        "1:" * 32768,
        "::" * 32768,
        "ab:" * 21845,
        "/a" * 32768,
        "a@" * 32768,
        "0x" * 32768,
        "f1" * 32768,
        "Jun 1 " * 10922,
        "\\a" * 32768,
        "http://" * 9362,
        "a1" * 32767 + "_",
        "<NUM>" * 13107,
        ("1" * 300 + ".") * 217,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_time_is_linear_in_hostile_text(text: str) -> None:
    def seconds(part: str) -> float:
        start = time.process_time()
        MASKER.mask(part)
        return time.process_time() - start

    assert seconds(text) < 1.0  # quadratic would be 4e9 steps: minutes


def test_pattern_id_is_blake2b() -> None:
    assert pattern_id("") == "e4a6a0577479b2b4"  # b2sum -l 64 < /dev/null
    assert re.fullmatch(r"[0-9a-f]{16}", pattern_id("pump é <NUM>"))


RULE = """
[[rule]]
name = "order"
pattern = 'ORD-[A-Z]{3}'
token = "<ORDER>"
example = "ORD-ABC shipped"
expect = "<ORDER> shipped"
"""


def test_own_rules_run_first(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(RULE)
    chosen = load_settings(overrides=["ingest.extra_masks=own.toml"]).ingest
    masker = load_masker(chosen, tmp_path)
    assert masker.mask("ORD-XYZ took 5 s") == "<ORDER> took <NUM> s"


def test_own_rules_may_ask_for_certain_digits(tmp_path: Path) -> None:
    rule = RULE.replace("ORD-[A-Z]{3}", r"(?<![\w<>])80(?:80|90)(?![\w<>])").replace(
        "ORD-ABC", "8080"
    )
    (tmp_path / "own.toml").write_text(rule)
    masker = Masker.from_files([tmp_path / "own.toml", resource("config/masks.toml")])
    assert masker.mask("port 8090 not 8091 at 0x80") == "port <ORDER> not <NUM> at <HEX>"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('shipped"\nexpect', 'lost"\nexpect', "is masked to '<ORDER> lost'"),
        ("'ORD-[A-Z]{3}'", "'ORD-('", "does not compile"),
        ("'ORD-[A-Z]{3}'", "'(ORD)'", "capturing group"),
        ("'ORD-[A-Z]{3}'", "'x*'", "matches nothing"),
        ('<ORDER>"\nexa', 'order"\nexa', "expected <CAPITALS>"),
        ("pattern", "patern", "pattern missing"),
        ("[[rule]]", "[[rule]]\nfoo = 1", "unknown key foo"),
        ("[[rule]]", "[[rule]", "TOML"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(RULE.replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(told)) as caught:
        Masker.from_files([path])
    assert str(path) in str(caught.value)


def test_a_missing_mask_file_is_named(tmp_path: Path) -> None:
    chosen = load_settings(overrides=["ingest.extra_masks=nowhere.toml"]).ingest
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load_masker(chosen, tmp_path)


SYSTEMS = sorted(path.name for path in LOGHUB.iterdir() if path.is_dir()) if LOGHUB.exists() else []


@pytest.mark.skipif(not SYSTEMS, reason=f"LogHub is not at {LOGHUB}")
@pytest.mark.parametrize("system", SYSTEMS)
def test_no_two_loghub_events_share_a_pattern(system: str) -> None:
    """Truth: the hand-made EventIds, of the message part and of the whole raw line."""
    folder = LOGHUB / system
    with (folder / f"{system}_2k.log_structured.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    raw = (folder / f"{system}_2k.log").read_bytes().decode("utf-8").split("\n")
    assert len(raw) >= len(rows)
    templates = {row["EventId"]: row["EventTemplate"] for row in rows}
    by_content, by_line = defaultdict(set), defaultdict(set)
    for row, line in zip(rows, raw, strict=False):
        by_content[MASKER.mask(row["Content"])].add(row["EventId"])
        by_line[MASKER.mask(line)].add(row["EventId"])
    for grouped in (by_content, by_line):
        for events in grouped.values():
            wording = {re.sub(r"(<\*>|\d)+", "#", templates[event]) for event in events}
            assert len(wording) == 1, f"merged: {[templates[event] for event in events]}"
    assert len(by_line) < len(rows) / 5, "masking hardly groups anything"
