"""Addresses that may be sent a token."""

from __future__ import annotations

import pytest

from dbt_action import addresses


@pytest.mark.parametrize(
    "url, problem",
    [
        ("https://api.github.com", ""),
        ("https://git.example.com:8443/api/v3", ""),
        ("http://localhost:8080/x", ""),
        ("http://LOCALHOST", ""),
        ("http://127.0.0.1:1", ""),
        ("http://127.255.0.9", ""),
        ("http://[::1]:8080", ""),
        ("http://api.github.com", "https"),
        ("http://x.localhost", "https"),
        ("http://localhost.evil.example", "https"),
        ("http://127.0.0.1.evil.example", "https"),
        ("http://127.0.0.256", "https"),
        ("http://1127.0.0.1", "https"),
        ("http://10.0.0.1", "https"),
        ("ftp://127.0.0.1", "https"),
        ("https://", "https"),
        ("//api.github.com", "https"),
        ("api.github.com", "https"),
        ("", "https"),
        ("https://user:pw@api.github.com", "a user"),
        ("http://token@localhost", "a user"),
        ("https://[::1", "no address"),
    ],
)
def test_token_problem__is_that_of_an_address_that_others_can_read_or_answer_for(url: str, problem: str) -> None:
    found = addresses.token_problem(url)

    assert (problem in found) if problem else found == ""
    assert "pw" not in found
