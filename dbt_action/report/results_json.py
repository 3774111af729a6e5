"""Results as a JSON document for other tools, described by docs/results.schema.json. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from dbt_action import text
from dbt_action.report import facts_words, verdict
from dbt_action.report.outcome import RunFacts, Subject
from dbt_action.results.manifest import Manifest
from dbt_action.results.run_results import Node, NodeStatus

# Raised when a key is removed or changes its meaning; new keys may be added at any time.
VERSION = 2
# A later step reads them from an output, whose size is limited.
MAX_FAILED_NODES = 100
_MAX_MESSAGE = 1_000


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
        "schema": facts_words.schema(facts) or None,
        "environment": facts.environment or None,
        "dbt_version": facts.dbt_version or None,
        "failed_nodes": failed_nodes(facts),
        "not_built": [node.unique_id for node in facts.impact.not_built],
        "affected_exposures": exposures(facts),
        "history": _history(facts),
        "changes": _changes(facts),
        "late_sources": [asdict(source) for source in facts.late_sources],
        "nodes": [_node(node, facts.manifest) for node in facts.results.nodes],
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def failed_nodes(facts: RunFacts) -> list[dict[str, Any]]:
    """What failed, the causes first; at most MAX_FAILED_NODES."""
    nodes = [node for cause in facts.impact.causes for node in cause.nodes] + list(facts.impact.consequences)
    return [
        {
            "unique_id": node.unique_id,
            "name": node.name,
            "kind": node.kind,
            "message": text.cut(node.message, _MAX_MESSAGE),
            "file": facts.manifest.file(node.unique_id) or None,
        }
        for node in nodes[:MAX_FAILED_NODES]
    ]


def exposures(facts: RunFacts) -> list[dict[str, Any]]:
    """The exposures downstream of what failed."""
    return [
        {"name": exposure.name, "type": exposure.type, "url": exposure.url or None, "owner": exposure.owner or None}
        for exposure in facts.impact.exposures.values()
    ]


def _history(facts: RunFacts) -> dict[str, Any] | None:
    history = facts.history
    if history is None:
        return None
    return {
        "run_id": history.against.id,
        "run_url": history.against.url or None,
        "new_failures": verdict.new_failures(facts),
        "new": sorted(history.new),
        "known": {
            uid: {"since_run_id": known.since.id, "runs": known.runs, "at_least": known.at_least}
            for uid, known in sorted(history.known.items())
        },
        "fixed": list(history.fixed),
        "slower": [
            {
                "unique_id": slow.node.unique_id,
                "seconds": round(slow.node.seconds, 3),
                "usual_seconds": round(slow.usual_seconds, 3),
            }
            for slow in history.slower
        ],
    }


def _changes(facts: RunFacts) -> dict[str, Any] | None:
    changes = facts.changes
    if changes is None:
        return None
    return {
        "models": [asdict(model) for model in changes.models],
        "exposures": [exposure.name for exposure in changes.exposures],
    }


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
