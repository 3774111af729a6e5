"""`make fuzz` really runs the property tests; the fuzzer itself is not needed here."""

from __future__ import annotations

import hashlib

import pytest

from dbt_action import text
from tests import fuzz


def test_targets__are_from_every_module_of_the_list() -> None:
    assert set(fuzz.MODULES) == {name.partition("::")[0] for name in fuzz.property_tests()}


def test_target__finds_a_defence_that_was_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any bytes are enough for one this large."""
    name = "tests.test_text::test_markdown__contains_no_markup"
    target = fuzz.all_in_one({name: fuzz.property_tests()[name]})
    samples = [hashlib.shake_256(bytes([number])).digest(200) for number in range(100)]
    monkeypatch.setattr(text, "markdown", str)

    with pytest.raises(AssertionError):
        list(map(target, samples))


def test_target__its_first_byte_chooses_the_test() -> None:
    called: list[tuple[str, bytes]] = []
    targets = {name: lambda data, name=name: called.append((name, data)) for name in ("a", "b")}

    for data in (b"", b"\0x", b"\1y", b"\2z"):
        fuzz.all_in_one(targets)(data)

    assert [("a", b"x"), ("b", b"y"), ("a", b"z")] == called
