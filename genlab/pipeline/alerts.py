"""Alert rules: when to tell whom, each cause once, and again until it arrived."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from genlab.config import Settings
from genlab.errors import InputError, NotReady
from genlab.pipeline.assigned import active_version, load_assigned, load_labels
from genlab.pipeline.channels import DeliveryFailed, deliver, masked, parse_target
from genlab.pipeline.review import flag_queue, strangers
from genlab.pipeline.tables import strings
from genlab.records import CONDITIONS
from genlab.store import Store

MAX_DETAILS = 20  # patterns or groups that one alert names


class Firing(NamedTuple):
    """What a rule has to say now."""

    causes: list[str]  # empty: a level, repeated after the cooldown
    text: str  # in our words alone: nothing a machine wrote can mention or link anyone
    details: list[dict[str, Any]]  # {text, messages, ...} of what it is about


class Told(NamedTuple):
    """What one look at the rules did."""

    fired: int
    delivered: int
    failed: int  # attempts; those left are made later


def add_rule(
    store: Store,
    name: str,
    condition: str,
    threshold: float | None,
    target: str,
    cooldown_minutes: float,
    annotator: str,
) -> None:
    """A new rule.  InputError for a condition, threshold or target that makes no sense."""
    if not name.strip() or len(name) > 80 or any(ord(c) < 32 for c in name):
        raise InputError(f"found the name {name[:80]!r}, expected 1 to 80 characters on one line")
    if condition not in CONDITIONS:
        raise InputError(f"found the condition {condition!r}, expected {', '.join(CONDITIONS)}")
    unit = CONDITIONS[condition].unit
    if bool(unit) != (threshold is not None):
        wanted = f"a threshold in {unit}" if unit else "no threshold"
        raise InputError(f"{condition}: found the threshold {threshold}, expected {wanted}")
    most = 100.0 if condition == "known-share" else np.inf
    if threshold is not None and not 0 <= threshold <= most:
        raise InputError(f"{condition}: found {threshold:g}, expected 0 to {most:g} {unit}")
    parse_target(target)
    store.write(
        "alerts.add_rule",
        name=name.strip(),
        condition=condition,
        threshold=threshold,
        target=target,
        cooldown_minutes=cooldown_minutes,
        annotator=annotator,
    )


def remove_rule(store: Store, name: str) -> None:
    """Forget a rule; InputError for one that is not there."""
    _rule(store, name)
    store.write("alerts.remove_rule", name=name)


def listed_rules(store: Store) -> list[dict[str, Any]]:
    """Every rule with its last alert, fit to be shown: in words, the target masked."""
    return [
        {
            **row,
            "when": in_words(row),
            "target": masked(row["target"]),
            "alerts": row["alerts"] or 0,
        }
        for row in store.rows("alerts.rules")
    ]


def in_words(rule: dict[str, Any]) -> str:
    """A rule's condition."""
    return CONDITIONS[rule["condition"]].said.format(f"{rule['threshold'] or 0:g}")


def send_test(store: Store, settings: Settings, name: str) -> str:
    """Send a harmless alert of this rule now; where to, masked.  Raises DeliveryFailed."""
    rule = _rule(store, name)
    said = Firing([], f"genlab: a test of the alert rule {name}", [])
    payload = _payload(store, rule, said)
    deliver(rule["target"], payload, settings.alerts, store.workspace.folder)
    return masked(rule["target"])


def run_alerts(store: Store, settings: Settings) -> Told:
    """Look at every rule, record what fires, and send what is due."""
    fired = 0
    for rule in store.rows("alerts.rules"):
        try:
            firing = _WATCHES[rule["condition"]](store, settings, rule)
        except NotReady:
            continue  # no model yet: nothing is flagged
        if firing is not None:
            fired += store.write(
                "alerts.fire",
                alert_id=uuid.uuid4().hex,
                rule=rule["name"],
                causes=firing.causes,
                payload=json.dumps(_payload(store, rule, firing)),
            )["fired"]
    delivered, failed = send_due(store, settings)
    return Told(fired, delivered, failed)


def send_due(store: Store, settings: Settings) -> tuple[int, int]:
    """Send the alerts that wait; how many arrived and how many did not."""
    ends = {"delivered": 0, "waiting": 0, "failed": 0}
    while claimed := store.write("alerts.claim", patience=settings.alerts.retry_seconds):
        status, error = "delivered", ""
        try:
            if claimed["target"] is None:
                raise DeliveryFailed("its rule was removed before it was sent")
            payload = json.loads(claimed["payload"])
            deliver(claimed["target"], payload, settings.alerts, store.workspace.folder)
        except DeliveryFailed as problem:
            last = claimed["target"] is None or claimed["attempts"] >= settings.alerts.attempts
            status, error = "failed" if last else "waiting", str(problem)
        store.write("alerts.tell", alert_id=claimed["alert_id"], status=status, error=error)
        ends[status] += 1
    return ends["delivered"], ends["waiting"] + ends["failed"]


def _novel_group(store: Store, settings: Settings, rule: dict[str, Any]) -> Firing | None:
    """Groups whose every pattern is fresh: those that grow are no news."""
    table = store.read("alerts.fresh_novel", rule=rule["name"], since=rule["created_at"])
    if not table.num_rows:
        return None
    fresh = set(table["pattern_id"].to_pylist())
    active = active_version(store)
    assigned = load_assigned(store, active["version"], active["components"])
    queue = flag_queue(
        assigned,
        strangers(assigned, settings.labelling.novel_p),
        load_labels(store, assigned).given,
        strings(assigned.table["verdict"]),
        assigned.table["confidence"].to_numpy(),
        settings.labelling.flags_per_day,
    )
    details: list[dict[str, Any]] = []
    causes: list[str] = []
    for group in queue.groups:
        members = [str(assigned.pattern_ids[row]) for row in group.rows]
        if group.verdict == "novel" and group.above and fresh.issuperset(members):
            causes += members
            details.append(
                {
                    "text": str(assigned.canonical_texts[group.rows[0]]),
                    "messages": int(assigned.message_counts[group.rows].sum()),
                    "patterns": members[:MAX_DETAILS],
                }
            )
    if not details:
        return None
    messages = sum(detail["messages"] for detail in details)
    groups, count = _many(len(details), "new group"), _many(messages, "message")
    text = f"genlab: {groups} of novel messages, {count}"
    return Firing(causes, text, details[:MAX_DETAILS])


def _flagged_rate(store: Store, settings: Settings, rule: dict[str, Any]) -> Firing | None:
    messages = store.rows("alerts.flagged_last_hour")[0]["messages"]
    if messages <= rule["threshold"]:
        return None
    text = f"genlab: {messages:,} flagged messages within an hour, more than {rule['threshold']:g}"
    return Firing([], text, [])


def _back(store: Store, settings: Settings, rule: dict[str, Any]) -> Firing | None:
    rows = store.rows("alerts.back", rule=rule["name"], since=rule["created_at"])
    if not rows:
        return None
    details = [
        {"text": row["canonical_text"], "messages": row["message_count"],
         "patterns": [row["pattern_id"]], "back": row["back"]}
        for row in rows[:MAX_DETAILS]
    ]  # fmt: skip
    text = f"genlab: {_many(len(rows), 'muted or resolved pattern')} came back"
    return Firing([row["cause"] for row in rows], text, details)


def _known_share(store: Store, settings: Settings, rule: dict[str, Any]) -> Firing | None:
    found = store.rows("alerts.known_share")[0]
    if not found["messages"]:
        return None
    share = 100 * found["known"] / found["messages"]
    if share >= rule["threshold"]:
        return None
    text = (
        f"genlab: {share:.1f} % of {found['messages']:,} messages of the last day are known, "
        f"less than {rule['threshold']:g} %"
    )
    return Firing([], text, [])


_WATCHES: dict[str, Callable[[Store, Settings, dict[str, Any]], Firing | None]] = {
    "novel-group": _novel_group,
    "flagged-rate": _flagged_rate,
    "back": _back,
    "known-share": _known_share,
}


def _payload(store: Store, rule: dict[str, Any], firing: Firing) -> dict[str, Any]:
    return {
        "text": firing.text,
        "rule": rule["name"],
        "condition": rule["condition"],
        "fired_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "workspace": store.workspace.folder.name,
        "details": firing.details,
    }


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _rule(store: Store, name: str) -> dict[str, Any]:
    rules = {row["name"]: row for row in store.rows("alerts.rules")}
    if name not in rules:
        known = ", ".join(rules) or "none yet: `genlab alert add`"
        raise InputError(f"found no alert rule {name!r}, expected one of: {known}")
    return rules[name]
