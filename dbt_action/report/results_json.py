"""Results as a JSON document for other tools, described by docs/results.schema.json. Pure."""

from __future__ import annotations

import json
from typing import Any

from dbt_action.report.outcome import RunFacts, Subject
from dbt_action.results.manifest import Manifest
from dbt_action.results.run_results import Node, NodeStatus

# Raised when a key is removed or changes its meaning; new keys may be added at any time.
VERSION = 1


def render(facts: RunFacts, subject: Subject) -> bytes:
    """The document in UTF-8, with a line end; times are in seconds."""
    run = facts.run
    document = {
        "version": VERSION,
        "status": facts.outcome.status,
        "job": subject.job_name,
        "run_id": run.id if run else None,
        "run_url": run.url if run else None,
        "git_sha": (run.git_sha if run else "") or subject.sha or None,
        "seconds": round(facts.seconds, 3),
        "counts": {status.value: facts.results.counts[status] for status in NodeStatus},
        "nodes": [_node(node, facts.manifest) for node in facts.results.nodes],
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _node(node: Node, manifest: Manifest) -> dict[str, Any]:
    return {
        "unique_id": node.unique_id,
        "kind": node.kind,
        "name": node.name,
        "package": node.package,
        "status": node.dbt_status,
        "verdict": node.status.value,
        "message": node.message,
        "failures": node.failures,
        "seconds": round(node.seconds, 3),
        "thread": node.thread or None,
        "step": node.step,
        "file": manifest.file(node.unique_id) or None,
    }
