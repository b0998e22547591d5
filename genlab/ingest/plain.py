"""Plain log lines: the whole line is the text; time and severity are read from known headers."""

import re
from collections.abc import Callable
from datetime import datetime

from genlab.ingest.fields import Fields
from genlab.ingest.severity import from_name
from genlab.ingest.times import MONTHS, parse_time, utc, without_year

_MONTH = "|".join(MONTHS)
_CLOCK = r"(\d\d?):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
_Found = Callable[[re.Match[str], datetime], datetime | None]


def _month_first(found: re.Match[str], latest: datetime) -> datetime | None:
    month, day, *clock = found.groups()
    return without_year(latest, MONTHS.get(month, month), day, *clock)


def _ctime(found: re.Match[str], latest: datetime) -> datetime | None:
    month, day, hour, minute, second, fraction, year = found.groups()
    return utc(year, MONTHS[month], day, hour, minute, second, fraction)


# Each: what a line begins with, and how its groups become a time.
_HEADERS: tuple[tuple[re.Pattern[str], _Found], ...] = (
    (  # 2015-10-18 18:01:47,978 · [2015-10-18T18:01:47Z] · 2005-06-03-15.42.50.675872
        re.compile(
            r"[\[(]?(\d{4})[-/.](\d\d?)[-/.](\d\d?)[T _:-](\d\d?)[:.](\d\d)[:.](\d\d)"
            r"(?:[.,](\d{1,9}))?\s?(Z\b|[+-]\d\d:?\d\d\b)?"
        ),
        lambda found, latest: utc(*found.groups()),
    ),
    (  # [Sun Dec 04 04:47:44 2005]
        re.compile(rf"\[?(?:\w{{3}}) ({_MONTH}) {{1,2}}(\d\d?) {_CLOCK} (\d{{4}})"),
        _ctime,
    ),
    (re.compile(rf"\[?({_MONTH}) {{1,2}}(\d\d?) {_CLOCK}"), _month_first),  # Jun 14 15:16:01
    # 03-17 16:13:38.811 · [10.30 16:49:06]
    (re.compile(rf"\[?(\d\d)[-.](\d\d) {_CLOCK}"), _month_first),
    (  # 081109 203615
        re.compile(r"(\d\d)(\d\d)(\d\d) (\d\d)(\d\d)(\d\d) "),
        lambda found, latest: utc("20" + found[1], *found.groups()[1:]),
    ),
    (  # - 1117838570 2005.06.03 (BlueGene), 1117838570.123 ...
        re.compile(r"(?:\S{1,16} )?(\d{10}(?:\.\d{1,6})?)\s"),
        lambda found, latest: parse_time(found[1]),
    ),
    (  # 10.0.0.1 - - [10/Oct/2000:13:55:36 -0700]
        re.compile(r"\S{1,64} \S{1,64} \S{1,64} \[(\d\d?/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]"),
        lambda found, latest: parse_time(found[1]),
    ),
)
# In capitals anywhere near the header, in any case in brackets, capitalised or as a single letter
# right behind the header.  "error" in running text is no severity.
_NAMES = (
    "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRIT|CRITICAL|FATAL|ALERT|EMERG|PANIC"
)
_LEVEL = re.compile(
    rf"(?<![A-Za-z])({_NAMES})(?![A-Za-z])"
    rf"|[\[(<]((?i:{_NAMES}))[\])>]"
    rf"|^\]?[,:]? ({_NAMES.title()})(?![A-Za-z])"
    r"|^(?: +\d+){0,2} ([VDIWEF])[ /]"
)
_BARE_LEVEL = re.compile(rf"[\[(<]?((?:{_NAMES}))(?:[\])>:|]| -|  )|[\[(<]((?i:{_NAMES}))[\])>]")
_NEAR = 120  # characters behind the time in which a severity is looked for


class PlainParser:
    """Parses one file's lines; remembers which header the last line had and tries it first."""

    def __init__(self, latest: Callable[[], datetime]) -> None:
        self._latest = latest
        self._order = list(_HEADERS)

    def __call__(self, line: str) -> Fields:
        """``line`` as it is, with the time and severity its header tells."""
        for rank, (pattern, moment) in enumerate(self._order):
            if (found := pattern.match(line)) and (when := moment(found, self._latest())):
                if rank:
                    self._order.insert(0, self._order.pop(rank))
                level = _LEVEL.search(line[found.end() : found.end() + _NEAR])
                severity = from_name(level[level.lastindex or 0]) if level else None
                return Fields(line, None, None, severity, when, None)
        level = _BARE_LEVEL.match(line)
        return Fields(line, None, None, from_name(level[level.lastindex or 0]) if level else None)
