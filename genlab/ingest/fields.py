"""From a record (a mapping of names to values) to the fields of a message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

from genlab.errors import InputError
from genlab.ingest.severity import from_name
from genlab.ingest.times import parse_time

Format = Literal["auto", "text", "jsonl", "csv", "syslog", "journal", "otlp"]

TEXT_FIELDS = ("text", "message", "msg", "body", "log", "MESSAGE", "content")
ID_FIELDS = ("message_id", "id", "__CURSOR")
TIME_FIELDS = ("time", "timestamp", "ts", "@timestamp", "occurred_at")
DEVICE_FIELDS = ("device", "host", "hostname", "device_id")
SEVERITY_FIELDS = ("severity", "level", "loglevel")


@dataclass(frozen=True)
class IngestOptions:
    """What the user says about the input; None leaves it to the usual names.

    ``source`` None: the file's name without its extension and without what rotation adds ("app"
    for app.log.1), "stdin" for standard input.
    A field named with dots ("log.message") is looked up level by level.
    """

    format: Format = "auto"
    text_field: str | None = None
    id_field: str | None = None
    time_field: str | None = None
    device_field: str | None = None
    severity_field: str | None = None
    source: str | None = None
    follow: bool = False

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            expected = ", ".join(get_args(Format))
            raise InputError(f"format {self.format!r}: expected one of {expected}")


class Fields(NamedTuple):
    """What a format finds in one record; the rest of a Message is computed from it."""

    text: str
    message_id: str | None = None
    device: str | None = None
    severity: str | None = None
    occurred_at: datetime | None = None
    attributes: dict[str, Any] | None = None
    canonical: str | None = None  # given by the source, instead of masking


class Fault(NamedTuple):
    """Why a record is no message: a code and a sentence (found, expected, what to do)."""

    reason: str
    detail: str


def map_record(record: Mapping[str, Any], options: IngestOptions) -> Fields | Fault:
    """Pick a record's fields by the options or the usual names; the others become attributes."""
    rest = dict(record)
    text = _take(rest, options.text_field, TEXT_FIELDS)
    if text is None:
        wanted = repr(options.text_field) if options.text_field else f"one of {TEXT_FIELDS}"
        names = ", ".join(map(str, record)) or "no field at all"
        return Fault(
            "missing_text",
            f"found the fields {names[:500]}; expected {wanted} with the text; "
            "name the right one with --text-field",
        )
    if not isinstance(text, str):
        return Fault(
            "text_not_string",
            f"the text field holds {type(text).__name__} {str(text)[:80]!r}, expected a string; "
            "name another field with --text-field",
        )
    occurred_at = None
    when = _take(rest, options.time_field, TIME_FIELDS)
    if when is not None and when != "" and (occurred_at := parse_time(when)) is None:
        if options.time_field:
            return Fault(
                "bad_time",
                f"field {options.time_field!r} holds {str(when)[:80]!r}, expected a time such as "
                "2026-01-31T12:00:00Z or seconds since 1970; correct it or drop --time-field",
            )
        rest["time"] = when  # not a time we read: keep it visible
    level = _take(rest, options.severity_field, SEVERITY_FIELDS)
    severity = from_name(level)
    if level is not None and severity is None:
        rest["severity"] = level
    device = _take(rest, options.device_field, DEVICE_FIELDS)
    if isinstance(device, Mapping):  # Elastic writes host: {name: ...}
        rest["device"] = device
        device = device.get("name") or device.get("hostname")
    given = _take(rest, options.id_field, ID_FIELDS)
    if options.id_field and not isinstance(given, str | int):
        return Fault(
            "missing_id",
            f"field {options.id_field!r} holds {given!r}, expected a string or a whole number; "
            "correct it or drop --id-field",
        )
    return Fields(
        text=text,
        message_id=str(given) if isinstance(given, str | int) and given != "" else None,
        device=None if device is None or device == "" else str(device),
        severity=severity,
        occurred_at=occurred_at,
        attributes=rest,
    )


def _take(rest: dict[str, Any], name: str | None, usual: tuple[str, ...]) -> Any:
    """Remove and return the named field, or the first usual one that is there and not null."""
    if name is not None:
        if name in rest:
            return rest.pop(name)
        value: Any = rest
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value
    for field in usual:
        if rest.get(field) is not None:
            return rest.pop(field)
    return None
