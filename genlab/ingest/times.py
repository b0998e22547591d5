"""Times as sources write them -> naive UTC datetimes.  A time without a zone is taken as UTC."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}
_EPOCH = datetime(1970, 1, 1)
_NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,9})?")
_ISO = re.compile(
    r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)[T _:-]+(\d\d?)[:.](\d\d)(?:[:.](\d\d)(?:[.,](\d{1,9}))?)?"
    r"\s?(Z|UTC|GMT|[+-]\d\d:?(?:\d\d)?)?"
)
_DATE = re.compile(r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)")
_C_TIME = re.compile(
    r"(?:\w{3},? +)?(\w{3}) +(\d\d?) +(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?"
    r"(?: +[A-Z]{3,4})? +(\d{4})"
)
_WEB = re.compile(r"(\d\d?)/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d)(?: ([+-]\d{4}))?")
# An epoch of seconds, milli-, micro- or nanoseconds is told by its size: each unit covers
# 1973-03-03 to 2286-11-20, and outside of that a number is not a time.
_UNITS = ((1e8, 1e10, 1), (1e11, 1e13, 1_000), (1e14, 1e16, 1_000_000), (1e17, 1e19, 1_000_000_000))


def parse_time(value: object) -> datetime | None:
    """A time in any of the usual forms, or None where it is none.

    Numbers and strings of digits are epochs (unit by size), strings ISO 8601 and its relatives,
    ctime, web server and RFC 5322 dates.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_epoch(value)
    if not isinstance(value, str) or len(value) > 64:
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _from_epoch(int(text)) if text.isdigit() else _from_epoch(float(text))
    if found := _ISO.fullmatch(text):
        return utc(*found.groups())
    if found := _DATE.fullmatch(text):
        return utc(*found.groups())
    if found := _C_TIME.fullmatch(text):
        month, day, hour, minute, second, fraction, year = found.groups()
        return utc(year, MONTHS.get(month, 0), day, hour, minute, second, fraction)
    if found := _WEB.fullmatch(text):
        day, month, year, hour, minute, second, zone = found.groups()
        return utc(year, MONTHS.get(month, 0), day, hour, minute, second, None, zone)
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def utc(
    year: str | int,
    month: str | int,
    day: str | int,
    hour: str | int = 0,
    minute: str | int = 0,
    second: str | int | None = 0,
    fraction: str | None = None,
    zone: str | None = None,
) -> datetime | None:
    """The parts of a time as a naive UTC datetime; None where there is no such time."""
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micros
        )
        if zone and zone[0] in "+-":
            shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:].lstrip(":") or 0))
            moment = moment - shift if zone[0] == "+" else moment + shift
    except (ValueError, OverflowError):
        return None
    return moment


def without_year(
    latest: datetime,
    month: str | int,
    day: str | int,
    hour: str | int,
    minute: str | int,
    second: str | int,
    fraction: str | None = None,
) -> datetime | None:
    """A time whose year was not written: the most recent year that puts it at ``latest`` or before.

    ``latest`` is now plus what a clock may run ahead, so that a host whose clock or zone is a
    little ahead of ours is not put a year back.
    """
    for year in range(latest.year, latest.year - 9, -1):  # 9: a 29 February may be 8 years back
        moment = utc(year, month, day, hour, minute, second, fraction)
        if moment is not None and moment <= latest:
            return moment
    return None


def _from_epoch(value: int | float) -> datetime | None:
    if isinstance(value, float):
        micros_per_unit = 1_000_000
        if not 1e8 <= value < 1e10:
            value = int(value) if 1e11 <= value < 1e19 else 0
        else:
            return _EPOCH + timedelta(microseconds=round(value * micros_per_unit))
    for low, high, per_second in _UNITS:
        if low <= value < high:
            return _EPOCH + timedelta(microseconds=int(value) * 1_000_000 // per_second)
    return None
