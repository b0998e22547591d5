"""Every component id of the dashboard, once."""

from typing import Any

# The frame
LOCATION = "location"
PAGE = "page"
NAV = "nav"
FOOT = "foot"
FOOT_EVENT = "foot-event"
TICK = "tick"
PROBLEM = "problem"
ANNOTATOR = "annotator"  # dcc.Store, local
ANNOTATOR_INPUT = "annotator-input"
DATA_KEY = "data-key"  # dcc.Store: View.key; changes when there is something new
OWNER_UP = "owner-up"  # dcc.Store: whether the owner answered last time
HELP = "help-overlay"  # known to assets/keys.js

# Map; the names below are known to assets/map.js and assets/keys.js
MAP_CANVAS = "map-canvas"
MAP_SEARCH = "map-search"
MAP_SELECTION = "map-selection"
MAP_EVENT = "map-event"
MAP_COLOUR = "map-colour"
MAP_VERDICT = "map-verdict"
MAP_LABELLED = "map-labelled"
MAP_SOURCE = "map-source"
MAP_HEAD = "map-head"
MAP_LABELS = "map-labels"
MAP_NEW_LABEL = "map-new-label"
MAP_NAMES = "map-label-names"
MAP_STATUS = "map-status"
MAP_TABS = "map-tabs"
MAP_DETAIL = "map-detail"
MAP_SHOWN = "map-shown"  # dcc.Store: what the panel shows, which keys and clicks mean
MAP_DESK = "map-desk"  # listens; data-genlab-done says which event was answered last
MAP_QUEUE = "map-queue"  # dcc.Store: the next questions, walked by assets/gestures.js
MAP_PENDING = "map-pending"  # dcc.Store: a gesture that waits for a yes
MAP_AIM = "map-aim"  # dcc.Store: the label under pointer or focus
MAP_PREVIEW = "map-preview"
MAP_NOTE = "map-note"
MAP_PAGE = "map-page"  # dcc.Store: {before}: which page of the gestures

REVIEW_EVENT = "review-event"
REVIEW_STATE = "review-state"  # dcc.Store: {at, pattern}
REVIEW_SHOWN = "review-shown"  # dcc.Store: what the panel shows, which keys and clicks mean
REVIEW_ORDER = "review-order"
REVIEW_LABEL = "review-label"
REVIEW_TABLE = "review-table"
REVIEW_STATUS = "review-status"
REVIEW_FIGURE = "review-figure"
REVIEW_HISTOGRAM = "review-histogram"
REVIEW_PRECISION = "review-precision"
REVIEW_OFFER = "review-offer"
REVIEW_PANEL = "review-panel"
REVIEW_NEW_LABEL = "review-new-label"
REVIEW_TABS = "review-tabs"
REVIEW_ACTIONS = "review-actions"
REVIEW_ABOUT = "review-about"
REVIEW_TRUST = "review-trust"

UNKNOWNS_DESK = "unknowns-desk"  # listens; data-genlab-done says which event is drawn
UNKNOWNS_EVENT = "unknowns-event"
UNKNOWNS_LIST = "unknowns-list"
UNKNOWNS_SHOWN = "unknowns-shown"  # dcc.Store: pattern ids of the panel
UNKNOWNS_CHOSEN = "unknowns-chosen"  # dcc.Store: {key, at, n}: the line, and the event behind it
UNKNOWNS_PANEL = "unknowns-panel"
UNKNOWNS_VERDICT = "unknowns-verdict"
UNKNOWNS_STATE = "unknowns-state"
UNKNOWNS_STATUS = "unknowns-status"
UNKNOWNS_NEW_LABEL = "unknowns-new-label"
UNKNOWNS_LABELS = "unknowns-labels"  # datalist
UNKNOWNS_MUTE = "unknowns-mute"
UNKNOWNS_NOTE = "unknowns-note"
UNKNOWNS_BUDGET = "unknowns-budget"
UNKNOWNS_LOOK = "unknowns-look"  # dcc.Store: {opened, below, most}: how far the list is unfolded
UNKNOWNS_DECIDED = "unknowns-decided"  # dcc.Store: the last decision, for undo and redo
UNKNOWNS_ALERTS = "unknowns-alerts"

TRAIN_EVENT = "train-event"
TRAIN_EPOCHS = "train-epochs"
TRAIN_MODE = "train-mode"
TRAIN_CURRICULUM = "train-curriculum"
TRAIN_MODEL = "train-model"
TRAIN_PRIOR = "train-prior"
TRAIN_SHORT = "train-short"  # the field of a short run, hidden for one from nothing
TRAIN_LONG = "train-long"  # the field of the curriculum
TRAIN_FRESH = "train-fresh"  # fields of a model made from nothing
TRAIN_PRIOR_FIELD = "train-prior-field"
TRAIN_PHASES = "train-phases"
TRAIN_ABOUT = "train-about"
TRAIN_STATUS = "train-status"
TRAIN_CURVES = "train-curves"
TRAIN_PROGRESS = "train-progress"
TRAIN_TICK = "train-tick"
TRAIN_SEEN = "train-seen"  # dcc.Store: {job_id, epochs} drawn last
TRAIN_DONE = "train-done"  # dcc.Store: counts what was done to versions
TRAIN_SAID = "train-said"  # what was done to versions, or what is asked before it
TRAIN_VERSIONS = "train-versions"
TRAIN_SHADOW = "train-shadow"
TRAIN_A = "train-a"
TRAIN_B = "train-b"
TRAIN_OVER = "train-over"
TRAIN_OVER_FIELD = "train-over-field"
TRAIN_NARROW = "train-narrow"  # dcc.Store: the change the list is narrowed to, and of what
TRAIN_DIFFERENCES = "train-differences"

LABELS_EVENT = "labels-event"
LABELS_CHOSEN = "labels-chosen"  # dcc.Store: label_id
LABELS_CHANGED = "labels-changed"  # dcc.Store: counts what this page did
LABELS_TABLE = "labels-table"
LABELS_STATUS = "labels-status"
LABELS_PANEL = "labels-panel"
LABELS_HEAD = "labels-head"
LABELS_NAME = "labels-name"
LABELS_NAMES = "labels-names"  # datalist
LABELS_DESCRIPTION = "labels-description"
LABELS_COLOURS = "labels-colours"
LABELS_INTO = "labels-into"
LABELS_MERGE = "labels-merge"
LABELS_COMPONENTS = "labels-components"
LABELS_SPLIT_NAME = "labels-split-name"
LABELS_SPLIT = "labels-split"
LABELS_HISTORY = "labels-history"
LABELS_AGREEMENT = "labels-agreement"
LABELS_UPLOAD = "labels-upload"
LABELS_DOWNLOAD = "labels-download"

JOBS_EVENT = "jobs-event"
JOBS_TABLE = "jobs-table"
JOBS_STATUS = "jobs-status"
JOBS_CHOSEN = "jobs-chosen"  # dcc.Store: job_id
JOBS_DETAIL = "jobs-detail"
JOBS_SCHEDULES = "jobs-schedules"
JOBS_FILE = "jobs-file"  # which service's log
JOBS_LOG = "jobs-log"

DEVICES_EVENT = "devices-event"
DEVICES_CHOSEN = "devices-chosen"  # dcc.Store: name of a device
DEVICES_SEARCH = "devices-search"
DEVICES_ORDER = "devices-order"
DEVICES_TABLE = "devices-table"
DEVICES_PANEL = "devices-panel"

LAB_SEARCH = "lab-search"
LAB_COMPONENTS = "lab-components"

OVERVIEW_BODY = "overview-body"
OVERVIEW_DRIFT = "overview-drift"
OVERVIEW_WINDOW = "overview-window"
OVERVIEW_SPAN = "overview-span"  # what a clicked bar holds
OVERVIEW_MORE = "overview-more"
OVERVIEW_REST = "overview-rest"
OVERVIEW_KNOWN = "overview-known"
OVERVIEW_VERDICTS = "overview-verdicts"
OVERVIEW_SOURCES = "overview-sources"
OVERVIEW_TICK = "overview-tick"


def weight(name: Any) -> dict[str, Any]:
    """The slider of one loss weight; ``dash.ALL`` for every one."""
    return {"type": "train-weight", "name": name}
