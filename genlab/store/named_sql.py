"""The named queries of sql/*.sql.

A file per noun; a block begins with ``-- name: verb``, then ``-- kind: read`` or ``-- kind: write``
and comment lines, the block's documentation.  Parameters are written ``$name``; ``$now`` is filled
in by the engine (UTC).  Arrow inputs are tables called ``in_something``; the last statement of a
write answers one row, the result.  An operation's full name is ``noun.verb``.
"""

import re
from functools import cache
from typing import NamedTuple

import duckdb

from genlab.errors import StoreError
from genlab.resources import resource

_NAME = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)
_KIND = re.compile(r"^-- kind: *(read|write) *$", re.MULTILINE)
_INPUT = re.compile(r"\bin_[a-z_]+\b")


class Statement(NamedTuple):
    """One SQL statement of a block."""

    sql: str
    parameters: frozenset[str]


class NamedQuery(NamedTuple):
    """One block: what it is called, whether it writes, its documentation and statements."""

    name: str
    writes: bool
    doc: str
    statements: tuple[Statement, ...]
    parameters: frozenset[str]  # of all statements, without ``now``
    inputs: frozenset[str]  # names of the Arrow tables it reads


@cache
def named_queries() -> dict[str, NamedQuery]:
    """Every named query below sql/, by full name."""
    queries: dict[str, NamedQuery] = {}
    for path in sorted(resource("sql").glob("*.sql")):
        for query in parse(path.stem, path.read_text(encoding="utf-8")):
            queries[query.name] = query
    return queries


def find_query(name: str) -> NamedQuery:
    """The named query, or StoreError listing the ones of the same noun."""
    queries = named_queries()
    if name not in queries:
        noun = name.partition(".")[0]
        known = [known for known in queries if known.startswith(noun + ".")] or sorted(queries)
        raise StoreError(f"no operation {name!r}; known: {', '.join(known)}")
    return queries[name]


def parse(noun: str, text: str) -> list[NamedQuery]:
    """The blocks of one file; StoreError for a block without a kind or with a name used twice."""
    marks = list(_NAME.finditer(text))
    queries: list[NamedQuery] = []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        body = text[mark.end() : following.start() if following else len(text)]
        name = f"{noun}.{mark.group(1)}"
        kind = _KIND.search(body)
        if kind is None:
            raise StoreError(f"{name}: expected a line '-- kind: read' or '-- kind: write'")
        if any(query.name == name for query in queries):
            raise StoreError(f"{name} is defined twice in sql/{noun}.sql")
        lines = body.strip().splitlines()
        doc = [line[3:] for line in lines if line.startswith("-- ") and not _KIND.match(line)]
        statements = tuple(
            Statement(found.query, frozenset(found.named_parameters))
            for found in duckdb.extract_statements(body)
        )
        queries.append(
            NamedQuery(
                name,
                kind.group(1) == "write",
                " ".join(doc),
                statements,
                frozenset().union(*(each.parameters for each in statements)) - {"now"},
                frozenset(_INPUT.findall(re.sub(r"--.*", "", body))),
            )
        )
    return queries
