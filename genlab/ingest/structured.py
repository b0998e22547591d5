"""JSON on lines: any objects, the journal's export, OTLP requests -> Fields and Faults."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from genlab.ingest.fields import TEXT_FIELDS, Fault, Fields, IngestOptions, map_record
from genlab.ingest.severity import from_name, from_otlp
from genlab.ingest.times import parse_time

Results = Sequence[Fields | Fault]


def parse_json_line(line: str, convert: Callable[[dict[str, Any]], Results]) -> Results:
    """Decode one line and convert it; anything but one JSON object is a Fault."""
    try:
        record = json.loads(line, parse_constant=str)  # NaN and Infinity are no JSON: kept as words
    except (ValueError, RecursionError) as error:
        kind = "nested too deep" if isinstance(error, RecursionError) else str(error)
        return (
            Fault(
                "not_json",
                f"found no complete JSON ({kind[:200]}); expected one object on each line, e.g. "
                '{"text": "..."}',
            ),
        )
    if not isinstance(record, dict):
        return (not_an_object(record),)
    if "\\u" in line and (fault := flaw(record)):
        return (fault,)
    return convert(record)


def not_an_object(value: object) -> Fault:
    """The Fault of a record that is no mapping."""
    return Fault(
        "not_an_object",
        f"found JSON {type(value).__name__} {str(value)[:80]!r}, expected an object of fields",
    )


def flaw(value: object) -> Fault | None:
    """Why a decoded value cannot be stored: NUL or half a surrogate pair in one of its strings."""
    if isinstance(value, str):
        if "\0" in value:
            return Fault("binary", "found the NUL character (\\u0000), expected text")
        if any("\ud800" <= char <= "\udfff" for char in value):
            return Fault(
                "broken_encoding",
                "found half of a surrogate pair (\\ud800 to \\udfff), expected whole characters",
            )
    elif isinstance(value, Mapping):
        return next((f for pair in value.items() for part in pair if (f := flaw(part))), None)
    elif isinstance(value, list | tuple):
        return next((f for part in value if (f := flaw(part))), None)
    return None


def json_record(record: Mapping[str, Any], options: IngestOptions) -> Results:
    """Any JSON object, by the field mapping."""
    return (map_record(record, options),)


def journal_record(record: Mapping[str, Any], options: IngestOptions) -> Results:
    """One entry of ``journalctl -o json``; MESSAGE may be an array of bytes."""
    entry = dict(record)
    message = entry.get("MESSAGE")
    if isinstance(message, list) and all(isinstance(b, int) and 0 <= b < 256 for b in message):
        try:
            entry["MESSAGE"] = bytes(message).decode("utf-8")
        except UnicodeDecodeError as error:
            return (Fault("broken_encoding", f"MESSAGE is not UTF-8: {error}; expected text"),)
        if fault := flaw(entry["MESSAGE"]):
            return (fault,)
    return (
        map_record(
            entry,
            IngestOptions(
                text_field=options.text_field or "MESSAGE",
                id_field=options.id_field or ("__CURSOR" if "__CURSOR" in entry else None),
                time_field=options.time_field or "__REALTIME_TIMESTAMP",
                device_field=options.device_field or "_HOSTNAME",
                severity_field=options.severity_field or "PRIORITY",
            ),
        ),
    )


def otlp_request(request: Mapping[str, Any]) -> Results:
    """Every log record of one OTLP/JSON ExportLogsServiceRequest."""
    try:
        results = list(_otlp_records(request))
    except (AttributeError, TypeError, KeyError, ValueError, OverflowError) as error:
        return (Fault("not_otlp", f"malformed OTLP logs ({error}); expected resourceLogs"),)
    return results or (
        Fault("not_otlp", "found no log record; expected resourceLogs/scopeLogs/logRecords"),
    )


def _otlp_records(request: Mapping[str, Any]) -> Iterator[Fields | Fault]:
    for resource_logs in _either(request, "resourceLogs", "resource_logs"):
        resource = _attributes(resource_logs.get("resource", {}).get("attributes"))
        device = next(
            (resource[k] for k in ("device.id", "host.name", "host.id") if resource.get(k)), None
        )
        for scope_logs in _either(resource_logs, "scopeLogs", "scope_logs"):
            scope = scope_logs.get("scope", {}).get("name")
            for record in _either(scope_logs, "logRecords", "log_records"):
                yield _otlp_record(record, device, resource | ({"scope": scope} if scope else {}))


def _otlp_record(
    record: Mapping[str, Any], device: object, shared: dict[str, Any]
) -> Fields | Fault:
    own = _attributes(record.get("attributes"))
    attributes = shared | own
    body = _value(record.get("body") or {})
    if isinstance(body, Mapping):  # a structured body: its text, the rest beside the attributes
        name = next((n for n in TEXT_FIELDS if isinstance(body.get(n), str)), None)
        if name is not None:
            attributes |= {key: value for key, value in body.items() if key != name}
            body = body[name]
    if body is None:
        return Fault("missing_text", "found a log record without body, expected the text there")
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    for name in ("traceId", "spanId", "eventName"):
        if record.get(name):
            attributes[name] = record[name]
    number = int(record.get("severityNumber") or 0)
    template = own.get("log.record.template")
    uid = own.get("log.record.uid")
    nanos = int(record.get("timeUnixNano") or 0) or int(record.get("observedTimeUnixNano") or 0)
    return Fields(
        text=text,
        message_id=uid if isinstance(uid, str) and uid else None,
        device=None if device is None else str(device),
        severity=from_otlp(number) or from_name(record.get("severityText")),
        occurred_at=parse_time(nanos) if nanos else None,
        attributes=attributes,
        canonical=template if isinstance(template, str) and template.strip() else None,
    )


def _either(mapping: Mapping[str, Any], camel: str, snake: str) -> list[Any]:
    return mapping.get(camel) or mapping.get(snake) or []


def _attributes(pairs: object) -> dict[str, Any]:
    return {pair["key"]: _value(pair.get("value") or {}) for pair in pairs or []}  # type: ignore[attr-defined]


def _value(value: Mapping[str, Any]) -> Any:
    """OTLP's AnyValue: an object whose one key names the type."""
    for kind, content in value.items():
        if kind == "kvlistValue":
            return _attributes(content.get("values"))
        if kind == "arrayValue":
            return [_value(part) for part in content.get("values") or []]
        return int(content) if kind == "intValue" else content
    return None
