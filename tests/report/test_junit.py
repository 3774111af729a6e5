"""JUnit XML as test reporters read it: by the rules of its schema, and through an independent reader."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import junitparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.report import junit
from dbt_action.results.manifest import NO_MANIFEST, Definition, Manifest
from dbt_action.results.run_results import Node, Results
from tests.support.results import a_manifest, a_node

COUNTS = ("tests", "failures", "errors", "skipped")
# (required, optional) attributes of each element (Jenkins' junit-10.xsd and the reporters' own documentation).
FORM = {
    "testsuites": ({"name", *COUNTS, "time"}, set()),
    "testsuite": ({"name", *COUNTS, "time"}, set()),
    "testcase": ({"name", "classname", "time"}, {"file"}),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": (set(), {"message"}),
    "system-out": (set(), set()),
    "properties": (set(), set()),
    "property": ({"name", "value"}, set()),
}
INSIDE = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error", "skipped", "system-out", "properties"},
    "properties": {"property"},
}
TEST = "test.shop.unique_orders_id.0123456789"


def rendered(*nodes: Node, manifest: Manifest = NO_MANIFEST) -> ET.Element:
    """The document, in the form that readers expect."""
    root = ET.fromstring(junit.render(Results(nodes), manifest, name="Production build"))  # noqa: S314 - our own
    for element in root.iter():
        needed, allowed = FORM[element.tag]
        assert needed <= set(element.attrib) <= needed | allowed
        assert {child.tag for child in element} <= INSIDE.get(element.tag, set())
        assert len(element) < 2 or element.tag != "testcase"
        if element.tag in ("testsuites", "testsuite"):
            assert all(element.attrib[name].isdigit() for name in COUNTS)
            cases = list(element.iter("testcase"))
            tags = {"tests": None, "failures": "failure", "errors": "error", "skipped": "skipped"}
            for name, tag in tags.items():
                found = [case for case in cases if tag is None or case.find(tag) is not None]
                assert len(found) == int(element.attrib[name]), name
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    return root


@pytest.mark.parametrize(
    "uid, status, tag",
    [
        (TEST, "fail", "failure"),
        ("unit_test.shop.orders.counts", "fail", "failure"),
        (TEST, "error", "error"),
        ("model.shop.orders", "error", "error"),
        ("model.shop.orders", "partial success", "error"),
        ("source.shop.raw.orders", "runtime error", "error"),
        ("model.shop.orders", "skipped", "skipped"),
        ("saved_query.shop.e", "no-op", "skipped"),
        ("model.shop.orders", "reused", "properties"),
        (TEST, "warn", "system-out"),
        ("model.shop.orders", "from the future", "system-out"),
        (TEST, "pass", None),
        ("model.shop.orders", "success", None),
    ],
)
def test_render__the_status_decides_the_element_of_a_case(uid: str, status: str, tag: str | None) -> None:
    (case,) = rendered(a_node(uid, status)).iter("testcase")

    assert [tag] * (tag is not None) == [child.tag for child in case]


def test_render__a_case_has_class_name_time_file_and_message() -> None:
    manifest = a_manifest(test__shop__unique_orders_id__0123456789=Definition("shop", "models/orders.yml"))
    message = "Got 1 result, configured to fail if != 0\nsecond <line> & more"

    (case,) = rendered(a_node(TEST, "fail", message=message, seconds=1.23456), manifest=manifest).iter("testcase")

    assert {
        "classname": "shop.test",
        "name": "unique_orders_id",
        "time": "1.235",
        "file": "models/orders.yml",
    } == case.attrib
    failure = case[0]
    assert ("Got 1 result, configured to fail if != 0", "fail") == (failure.get("message"), failure.get("type"))
    assert message == failure.text


def test_render__one_suite_for_each_kind() -> None:
    nodes = [a_node("model.shop.a"), a_node(TEST, "pass"), a_node("model.shop.b"), a_node("unit_test.shop.a.u", "pass")]

    assert ["model", "test", "unit test"] == [suite.get("name") for suite in rendered(*nodes)]


def test_render__without_nodes_there_is_an_empty_document() -> None:
    assert ("0", []) == (rendered().get("tests"), list(rendered()))


def test_render__no_two_cases_share_class_and_name() -> None:
    """Reporters compare cases of several builds by class and name."""
    nodes = [
        a_node("model.shop.orders.v1"),
        a_node("model.shop.orders.v2"),
        a_node("model.utils.orders.v2"),
        a_node("test.shop.not_null_orders_id.0123456789"),
        a_node("test.shop.not_null_orders_id.9876543210"),
        a_node("source.shop.raw.orders", "warn"),
        a_node("source.shop.clean.orders", "warn"),
    ]

    cases = [(case.get("classname"), case.get("name")) for case in rendered(*nodes).iter("testcase")]

    assert len(nodes) == len(set(cases))


@given(st.lists(st.tuples(st.text(), st.text(), st.text())))
def test_render__any_text_stays_xml(rows: list[tuple[str, str, str]]) -> None:
    nodes = [a_node(f"model.{name}", status, message=message) for name, status, message in rows]

    assert len(nodes) == len(list(rendered(*nodes).iter("testcase")))


def test_render__another_reader_finds_the_same(tmp_path: Path) -> None:
    nodes = [
        a_node("model.shop.a"),
        a_node("model.shop.b", "error", message="Binder Error: x"),
        a_node("model.shop.c", "skipped"),
        a_node(TEST, "fail", message="Got 1 result"),
        a_node("test.shop.w.0123456789", "warn", message="Got 2 results"),
    ]
    path = tmp_path / "junit.xml"
    path.write_bytes(junit.render(Results(tuple(nodes)), NO_MANIFEST, name="Production build"))

    found = junitparser.JUnitXml.fromfile(str(path))

    assert (5, 1, 1, 1, 12.5) == (found.tests, found.failures, found.errors, found.skipped, found.time)
    results = {case.name: case.result for suite in found for case in suite}
    assert [] == results["a"]
    assert ("Binder Error: x", "error") == (results["b"][0].message, results["b"][0].type)
    assert isinstance(results["b"][0], junitparser.Error)
    assert isinstance(results["c"][0], junitparser.Skipped)
    assert isinstance(results["unique_orders_id"][0], junitparser.Failure)
    assert [] == results["w"]
