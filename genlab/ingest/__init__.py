"""Sources and formats -> messages; masking -> patterns.  Pure: yields records, knows no store."""

from genlab.ingest.assemble import parse_records
from genlab.ingest.fields import Fault, Fields, IngestOptions, map_record
from genlab.ingest.formats import detect
from genlab.ingest.masking import Masker, load_masker, pattern_id
from genlab.ingest.reader import read

__all__ = [
    "Fault",
    "Fields",
    "IngestOptions",
    "Masker",
    "detect",
    "load_masker",
    "map_record",
    "parse_records",
    "pattern_id",
    "read",
]
