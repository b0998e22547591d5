"""Syslog: RFC 3164 and RFC 5424, with and without PRI, and the same with ISO times (rsyslog)."""

import re
from datetime import datetime
from typing import Any

from genlab.ingest.fields import Fields
from genlab.ingest.severity import from_syslog
from genlab.ingest.times import MONTHS, parse_time, without_year

_PRI = re.compile(r"<(\d{1,3})>")
_RFC5424 = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) (?=-|\[)")
_RFC3164 = re.compile(
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}(\d\d?) (\d\d):(\d\d):(\d\d)"
    r"(?:\.(\d{1,9}))? (\S+) (?=\S)"
)
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) ([\w.:-]+) (?=[\w./()-]+(?:\[\d+\])?: )")
_TAG = re.compile(r"([\w./()@-]{1,64})(?:\[([\w.-]{1,32})\])?:")
_PARAM = re.compile(r' ([^ =\]"]{1,64})="((?:[^"\\\]]|\\.)*)"')
_ELEMENT = re.compile(r"\[([^ =\]\"]{1,64})")
# by number, RFC 5424 section 6.2.1
_FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "audit", "alert", "clock"),
    *(f"local{number}" for number in range(8)),
)


def is_syslog(line: str) -> bool:
    """Whether a line begins like syslog."""
    pri = _PRI.match(line)
    start = pri.end() if pri and int(pri[1]) < 192 else 0
    found = (_RFC3164.match(line, start), _ISO.match(line, start), _RFC5424.match(line, start))
    return any(found[:2]) or bool(start and found[2])


def parse_syslog(line: str, latest: datetime) -> Fields:
    """One line.  Text is RFC 5424's MSG, or RFC 3164's: the tag and the content.

    ``latest`` (naive UTC) bounds times without a year.  A line without a known header is, as RFC
    3164 section 4.3.3 has it, all content.
    """
    severity = None
    attributes: dict[str, Any] = {}
    start = 0
    if line[:1] == "<" and (pri := _PRI.match(line)) and int(pri[1]) < 192:
        start = pri.end()
        severity = from_syslog(int(pri[1]) & 7)
        attributes["facility"] = _FACILITIES[int(pri[1]) >> 3]
        if (found := _RFC5424.match(line, start)) and (end := _structured(line, found.end(), {})):
            return _rfc5424(line, found, end, severity, attributes)
    if found := _RFC3164.match(line, start):
        month, day, hour, minute, second, fraction, device = found.groups()
        when = without_year(latest, MONTHS[month], day, hour, minute, second, fraction)
    elif found := _ISO.match(line, start):
        when, device = parse_time(found[1]), found[2]
    else:
        return Fields(line[start:], None, None, severity, None, attributes)
    if tag := _TAG.match(line, found.end()):
        attributes["program"] = tag[1]
        if tag[2]:
            attributes["pid"] = tag[2]
    return Fields(line[found.end() :], None, device, severity, when, attributes)


def _rfc5424(
    line: str, found: re.Match[str], end: int, severity: str | None, attributes: dict[str, Any]
) -> Fields:
    stamp, device, app, process, kind = (None if g == "-" else g for g in found.groups())
    for name, value in (("program", app), ("pid", process), ("msgid", kind)):
        if value is not None:
            attributes[name] = value
    _structured(line, found.end(), attributes)
    text = line[end + 1 :].removeprefix("\ufeff")
    return Fields(text, None, device, severity, parse_time(stamp), attributes)


def _structured(line: str, start: int, into: dict[str, Any]) -> int | None:
    """Read STRUCTURED-DATA at ``start`` into {id: {name: value}}; its end, None if malformed."""
    if line[start : start + 1] == "-":
        end = start + 1
    else:
        end = start
        while element := _ELEMENT.match(line, end):
            params: dict[str, str] = {}
            end = element.end()
            while param := _PARAM.match(line, end):
                params[param[1]] = re.sub(r'\\(["\\\]])', r"\1", param[2])
                end = param.end()
            if line[end : end + 1] != "]":
                return None
            end += 1
            into[element[1]] = params
    return end if end == len(line) or line[end] == " " else None
