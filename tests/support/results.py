"""Made-up documents of dbt, and the values that the product reads from them. Real documents come from the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from dbt_action.report.outcome import Outcome, RunFacts, Subject
from dbt_action.results import impact, run_results
from dbt_action.results.manifest import NO_MANIFEST, Definition, Manifest
from dbt_action.results.run_results import Node, Results
from tests.support.values import a_run

Json = Any
SHA = "a" * 40
SUBJECT = Subject(
    job_name="Production build",
    sha=SHA,
    commit_url=f"https://github.example/acme/shop/commit/{SHA}",
    branch="main",
    file_url=f"https://github.example/acme/shop/blob/{SHA}/{{path}}",
    folder="",
)
BEGAN = "2026-01-02T03:04:05.000000Z"


def a_result(unique_id: str = "model.shop.orders", status: str = "success", **fields: Json) -> dict[str, Json]:
    """One entry of a run_results.json as dbt Core 1.11 writes it."""
    known: dict[str, Json] = {
        "status": status,
        "timing": [
            {"name": "compile", "started_at": "2026-01-02T03:04:05.100000Z", "completed_at": "2026-01-02T03:04:05.2Z"},
            {"name": "execute", "started_at": "2026-01-02T03:04:05.200000Z", "completed_at": "2026-01-02T03:04:07.6Z"},
        ],
        "thread_id": "Thread-1 (worker)",
        "execution_time": 2.5,
        "adapter_response": {},
        "message": "OK",
        "failures": None,
        "unique_id": unique_id,
        "compiled": True,
        "compiled_code": "select 1",
        "relation_name": '"warehouse"."main"."orders"',
        "batch_results": None,
    }
    return {**known, **fields}


def document(*entries: Json, version: int = 6, **fields: Json) -> bytes:
    """A run_results.json."""
    schema = f"https://schemas.getdbt.com/dbt/run-results/v{version}.json"
    metadata = {"dbt_schema_version": schema, "dbt_version": "1.11.2", "invocation_id": "x", "env": {}}
    return json.dumps(
        {"metadata": metadata, "results": list(entries), "elapsed_time": 3.5, "args": {}, **fields}
    ).encode()


def read(*entries: Json, step: int = 4) -> tuple[Node, ...]:
    """The nodes that the product reads from a document with these entries."""
    return run_results.read([document(*entries)], step=step)


def read_one(**fields: Json) -> Node:
    """The node that the product reads from one result with these fields."""
    (node,) = read(a_result(**fields))
    return node


def pieces(content: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """`content` cut at these locations."""
    locations = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    for begin, end in pairwise(locations):
        yield content[begin:end]


def a_node(unique_id: str = "model.shop.orders", status: str = "success", **fields: Json) -> Node:
    """A node, read by the product from a result with these fields."""
    known = {"compiled_code": fields.pop("sql", ""), "execution_time": fields.pop("seconds", 2.5)}
    return read(a_result(unique_id, status, **known, **fields))[0]


def a_manifest(*, project: str = "shop", **locations: Definition) -> Manifest:
    """A manifest with these locations; `__` stands for a dot of the unique id."""
    return Manifest(project, {name.replace("__", "."): location for name, location in locations.items()})


def manifest_document(sections: Mapping[str, Mapping[str, Json]], project: str = "shop") -> bytes:
    """A manifest.json."""
    metadata = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": project}
    return json.dumps({"metadata": metadata, **sections, "parent_map": {}, "child_map": {}}).encode()


def defined(path: str, *depends_on: str, package: str = "shop", **more: Json) -> dict[str, Json]:
    """A node of a manifest, with everything around it that a reader must not mistake for something else."""
    return {
        "database": "warehouse",
        "name": "x",
        "package_name": package,
        "path": path.rpartition("/")[2],
        "original_file_path": path,
        "config": {"enabled": True, "package_name": "a trap", "meta": {"original_file_path": "a trap"}},
        "columns": {"id": {"name": "id", "original_file_path": "a trap"}},
        "depends_on": {"macros": ["macro.dbt.x"], "nodes": list(depends_on)},
        "refs": [{"name": "x", "package": None, "version": None}],
        "raw_code": "select '{\"nodes\": {}}'",
        **more,
    }


@dataclass(frozen=True)
class Ended:
    """How a run ended: arguments of RunFacts that most tests leave alone."""

    outcome: Outcome = Outcome.FAILED
    run: Mapping[str, Json] = field(default_factory=lambda: {"status": 20, "git_sha": SHA, "duration": "00:01:40"})


def facts(*nodes: Node, manifest: Manifest = NO_MANIFEST, ended: Ended | None = None, **more: Json) -> RunFacts:
    """What is known about a run with these nodes."""
    how = ended or Ended()
    known: dict[str, Json] = {"seconds": 100.0, "run": a_run(**how.run), "impact": impact.of(Results(nodes), manifest)}
    return RunFacts(outcome=how.outcome, results=Results(nodes), manifest=manifest, **{**known, **more})
