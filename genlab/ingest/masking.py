"""Masking: the values in a text become placeholders, what is left is its pattern.

Rules come from config/masks.toml and a user's own file.  Each word (text between blanks) is
masked on its own and remembered, since most words of machine text come again and again; the few
rules that reach over blanks run first.  Runs of blanks become one.  Masking is idempotent, takes
time linear in the text.  A polarity word (on, off, failed ...) inside a masked path, URL or host
stays visible, and so does the last segment of a path or URL where it is made of letters.
"""

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from genlab.config import IngestSettings
from genlab.errors import ConfigError
from genlab.resources import resource

_TOKEN = re.compile(r"<[A-Z_]+>")
_DIGIT = re.compile(r"\d")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")  # poweredOn, POWERED_ON and powered-on alike
_ANY_DIGIT = re.compile(r"\{[\d,]*\}|\\d|0-9")  # the parts of a pattern that treat all digits alike
_FLAT = str.maketrans("0123456789", "1111111111")
_ASIDE = {ord("0") + digit: chr(0x0E + digit) for digit in range(10)}  # characters no text needs
_MEMO_WORDS = 1 << 16  # words remembered before the memory starts afresh
_MEMO_LENGTH = 128
_KEYS = {"name", "pattern", "token", "example", "expect"}
_OPTIONAL = {"needs", "digit", "keeps_words", "keeps_segments", "spans_words"}
_ROOT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*|[A-Za-z]:")  # what no segment begins before
_SEGMENT = re.compile(r"[^/\\?&=#]++(?!=)")  # names of a query left out
_LETTER = re.compile(r"[^\W\d_]")
_NAME = re.compile(r"(?=.{1,40}\Z)[^\W\d_]+(?:[_-]+[^\W\d_]+)*")  # longer ones are data
_SPOKEN = re.compile(r"[^\W\d_]+")


class Rule(NamedTuple):
    """One entry of a mask file; see config/masks.toml for the meaning of each field."""

    name: str
    pattern: re.Pattern[str]
    token: str
    needs: str
    digit: bool
    keeps_words: bool
    keeps_segments: bool
    spans_words: bool


class Masker:
    """Applies the rules in order; ``mask`` is the only operation."""

    def __init__(self, rules: Sequence[Rule], polarity: Iterable[str]) -> None:
        self._polarity = frozenset(word.lower() for word in polarity)
        self._whole = [self._step(rule) for rule in rules if rule.spans_words]
        self._steps = [self._step(rule) for rule in rules if not rule.spans_words]
        self._words = _Memo(self._mask_word)
        # Where no rule asks for a certain digit, every digit may read as 1 before the look-up, and
        # the words to remember become few.  A rule that does ask has its `needs` kept apart.
        self._kept: list[tuple[str, str]] = []
        self._flatten = True
        for rule in rules:
            if digits := set(re.findall(r"\d", _ANY_DIGIT.sub("", rule.pattern.pattern))):
                self._flatten &= digits <= set(rule.needs)
                self._kept.append((rule.needs, rule.needs.translate(_ASIDE)))

    @classmethod
    def from_files(cls, paths: Sequence[Path]) -> "Masker":
        """Read the rules of ``paths`` in order and check every rule's example.

        Raises ConfigError naming the file and the rule: not TOML, unknown or missing key, a
        regular expression that does not compile, an example that is masked otherwise.
        """
        rules: list[Rule] = []
        polarity: list[str] = []
        examples: list[tuple[Path, str, str, str]] = []
        for path in paths:
            table = _load(path)
            polarity += table.get("polarity", [])
            for entry in table.get("rule", []):
                rules.append(_rule(path, entry))
                examples.append((path, entry["name"], entry["example"], entry["expect"]))
        masker = cls(rules, polarity)
        for path, name, example, expect in examples:
            for text in (example, expect):
                if (found := masker.mask(text)) != expect:
                    raise ConfigError(
                        f"{path}: rule {name}: {text!r} is masked to {found!r}, expected "
                        f"{expect!r}; correct the pattern, the example or the order of rules"
                    )
        return masker

    def mask(self, text: str) -> str:
        """The canonical text: values replaced by placeholders, blanks by single spaces."""
        if self._flatten:
            text = self._flat(text)
        for needs, digit, apply in self._whole:
            if needs in text and (not digit or _DIGIT.search(text)):
                text = apply(text)
        return " ".join(map(self._words.__getitem__, text.split()))

    def _flat(self, text: str) -> str:
        kept = [pair for pair in self._kept if pair[0] in text]
        for needs, aside in kept:
            text = text.replace(needs, aside)
        text = text.translate(_FLAT)
        for needs, aside in kept:
            text = text.replace(aside, needs)
        return text

    def _step(self, rule: Rule) -> tuple[str, bool, Callable[[str], str]]:
        replacement: Any
        if rule.keeps_segments:
            replacement = partial(self._keep_segments, rule.token)
        elif rule.keeps_words:
            replacement = partial(self._keep_words, rule.token)
        else:
            replacement = rule.token
        return rule.needs, rule.digit, partial(rule.pattern.sub, replacement)

    def _keep_words(self, token: str, match: re.Match[str]) -> str:
        return _with(token, self._polar(match[0]))

    def _keep_segments(self, token: str, match: re.Match[str]) -> str:
        """Polarity words, and all words of the last segment that holds letters and nothing else.

        No list of opposites is complete; what a path ends in is what it is about.
        """
        path = match[0]
        start = found.end() if (found := _ROOT.match(path)) else 0
        named = [part for part in _SEGMENT.finditer(path, start) if _LETTER.search(part[0])]
        if not named or not _NAME.fullmatch(last := named[-1][0].strip(".,:;!")):
            return _with(token, self._polar(path))
        before, after = path[: named[-1].start()], path[named[-1].end() :]
        return _with(token, [*self._polar(before), *_split(last), *self._polar(after)])

    def _polar(self, text: str) -> list[str]:
        words = [word.lower() for word in _WORDS.findall(text)]
        return [word for word in words if word in self._polarity]

    def _mask_word(self, word: str) -> str:
        has_digit = _DIGIT.search(word) is not None
        for needs, digit, apply in self._steps:
            if (has_digit or not digit) and needs in word:
                word = apply(word)
                if digit:
                    has_digit = _DIGIT.search(word) is not None
        return word


def _split(segment: str) -> list[str]:
    """Lower-case words of letters; outside of ASCII no capital tells where a word begins."""
    found = _WORDS if segment.isascii() else _SPOKEN
    return [word.lower() for word in found.findall(segment)]


def _with(token: str, kept: list[str]) -> str:
    return ":".join([token[:-1], *kept]) + ">" if kept else token


def load_masker(settings: IngestSettings, workspace: Path | None = None) -> Masker:
    """The masker of the settings; relative paths are looked up in the workspace, then config/."""
    names = [name for name in (settings.extra_masks, settings.masks) if name]
    return Masker.from_files([_find(name, workspace) for name in names])


def pattern_id(canonical: str) -> str:
    """16 hex digits of BLAKE2b over the canonical text."""
    return hashlib.blake2b(canonical.encode("utf-8"), digest_size=8).hexdigest()


class _Memo(dict[str, str]):
    """word -> masked word, filled on demand and bounded."""

    def __init__(self, compute: Callable[[str], str]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, word: str) -> str:
        masked = self._compute(word)
        if len(word) <= _MEMO_LENGTH:
            if len(self) >= _MEMO_WORDS:
                self.clear()
            self[word] = masked
        return masked


def _find(name: str, workspace: Path | None) -> Path:
    for folder in (workspace, Path()):
        if folder is not None and (path := Path(folder) / name).is_file():
            return path
    try:
        return resource(f"config/{name}")
    except FileNotFoundError:
        raise ConfigError(
            f"mask file {name!r}: not in the workspace ({workspace}), not at that path and not in "
            "config/; correct ingest.masks or ingest.extra_masks"
        ) from None


def _load(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path}: expected a TOML file of [[rule]] tables: {error}") from None
    words = table.get("polarity", [])
    if not isinstance(words, list) or not all(isinstance(w, str) and w.isalpha() for w in words):
        raise ConfigError(f"{path}: polarity: expected a list of words made of letters")
    if not isinstance(table.get("rule", []), list):
        raise ConfigError(f"{path}: rule: expected [[rule]] tables, with double brackets")
    return table


def _rule(path: Path, entry: dict[str, Any]) -> Rule:
    where = f"{path}: rule {entry.get('name', '(without name)')}"
    if missing := sorted(_KEYS - entry.keys()):
        raise ConfigError(f"{where}: {', '.join(missing)} missing; see config/masks.toml")
    if unknown := sorted(entry.keys() - _KEYS - _OPTIONAL):
        raise ConfigError(f"{where}: unknown key {', '.join(unknown)}; see config/masks.toml")
    if not all(isinstance(entry[key], str) for key in _KEYS):
        raise ConfigError(f"{where}: {', '.join(sorted(_KEYS))} must be strings")
    if not _TOKEN.fullmatch(entry["token"]):
        raise ConfigError(f"{where}: token {entry['token']!r}: expected <CAPITALS>, e.g. <ORDER>")
    try:
        pattern = re.compile(entry["pattern"])
    except re.error as error:
        raise ConfigError(f"{where}: pattern does not compile: {error}") from None
    if pattern.groups:
        raise ConfigError(f"{where}: pattern has a capturing group; write (?:...) instead of (...)")
    if pattern.match(""):
        raise ConfigError(f"{where}: pattern matches nothing at all; demand one character or more")
    return Rule(
        name=entry["name"],
        pattern=pattern,
        token=entry["token"],
        needs=str(entry.get("needs", "")),
        digit=bool(entry.get("digit", False)),
        keeps_words=bool(entry.get("keeps_words", True)),
        keeps_segments=bool(entry.get("keeps_segments", False)),
        spans_words=bool(entry.get("spans_words", False)),
    )
