"""Results as JUnit XML, in the form that the test reporters of the CIs read. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from dbt_action.results.manifest import Manifest
from dbt_action.results.run_results import Node, NodeStatus, Results

# Characters that XML 1.0 does not allow, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Kinds of nodes whose failure is a <failure>; that of the others is an <error>. Reporters show them differently.
_TESTS = frozenset({"test", "unit test"})


def render(results: Results, manifest: Manifest, *, name: str) -> bytes:
    """The document, with one suite for each kind of node and one case for each node; times are in seconds."""
    suites: dict[str, list[Node]] = {}
    for node in results.nodes:
        suites.setdefault(node.kind, []).append(node)
    root = ET.Element("testsuites", {"name": _xml(name), **_totals(results.nodes)})
    for kind, nodes in suites.items():
        suite = ET.SubElement(root, "testsuite", {"name": _xml(kind), **_totals(tuple(nodes))})
        names = Counter(node.name for node in nodes)
        for node in nodes:
            # Reporters merge cases with the same name, so generic tests of one name keep their hash.
            case_name = node.name if names[node.name] == 1 else node.unique_id.split(".", 2)[-1]
            suite.append(_case(node, case_name, manifest.file(node.unique_id)))
    ET.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode").encode() + b"\n"


def _totals(nodes: tuple[Node, ...]) -> Mapping[str, str]:
    failed = [node for node in nodes if node.status is NodeStatus.FAILED]
    failures = [node for node in failed if _tag(node) == "failure"]
    return {
        "tests": str(len(nodes)),
        "failures": str(len(failures)),
        "errors": str(len(failed) - len(failures)),
        "skipped": str(sum(node.status is NodeStatus.SKIPPED for node in nodes)),
        "time": f"{sum(node.seconds for node in nodes):.3f}",
    }


def _tag(node: Node) -> str:
    return "failure" if node.kind in _TESTS and node.dbt_status.lower() == "fail" else "error"


def _case(node: Node, name: str, file: str) -> ET.Element:
    attributes = {"classname": _xml(f"{node.package}.{node.kind}"), "name": _xml(name), "time": f"{node.seconds:.3f}"}
    case = ET.Element("testcase", attributes | ({"file": _xml(file)} if file else {}))
    message = _xml(node.message or node.dbt_status)
    first_line = message.split("\n", 1)[0]
    if node.status is NodeStatus.FAILED:
        ET.SubElement(case, _tag(node), {"message": first_line, "type": _xml(node.dbt_status)}).text = message
    elif node.status is NodeStatus.SKIPPED:
        ET.SubElement(case, "skipped", {"message": first_line})
    elif node.status is NodeStatus.REUSED:
        properties = ET.SubElement(case, "properties")
        ET.SubElement(properties, "property", {"name": "reused", "value": "true"})
    elif node.status is not NodeStatus.PASSED:
        ET.SubElement(case, "system-out").text = message
    return case


def _xml(value: str) -> str:
    return _NOT_XML.sub("", value)
