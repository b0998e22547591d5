"""Severities as sources write them -> records.SEVERITIES."""

from genlab.records import SEVERITIES

_NAMES = {
    "debug": "trace verbose v d debug fine finer finest t trc dbg",
    "info": "i info information informational inf",
    "notice": "n notice",
    "warning": "w warn warning wrn",
    "error": "e err error severe failure",
    "critical": "f c fatal crit critical",
    "alert": "alert",
    "emergency": "emerg emergency panic",
}
_BY_NAME = {name: severity for severity, names in _NAMES.items() for name in names.split()}
_BY_OTLP = ("debug", "debug", "info", "warning", "error", "critical")


def from_name(value: object) -> str | None:
    """A name, letter or syslog number ("WARN", "e", 3, "6") as one of SEVERITIES, else None."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _BY_NAME:
            return _BY_NAME[word]
        value = int(word) if word.isascii() and word.isdigit() and len(word) < 4 else None
    if isinstance(value, int) and not isinstance(value, bool):
        return from_syslog(value)
    return None


def from_syslog(number: int) -> str | None:
    """0 (emergency) to 7 (debug), RFC 5424 section 6.2.1; None outside."""
    return SEVERITIES[7 - number] if 0 <= number <= 7 else None


def from_otlp(number: int) -> str | None:
    """OpenTelemetry's SeverityNumber, 1 to 24 in bands of four; None outside."""
    return _BY_OTLP[(number - 1) // 4] if 1 <= number <= 24 else None
