"""The rules of the house about who imports whom, read from the source; nothing about what modules do."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "dbt_action"

SHELL = {"app", "cli", "story", "begin", "watcher", "collect", "publish", "aftercare"}
# `clock` is an edge too, but the one that pure modules may know: they get it as a parameter. `bounded` is what edges
# stand on.
EDGES = {"session", "cloud", "collect", "publish", "ci", "hosts"}
WIRED = SHELL | EDGES | {"clock", "bounded"}

# What a pure module must not have: network, clock, environment, files, logging, processes.
IMPURE = {
    "asyncio",
    "builtins",
    "github",
    "glob",
    "http",
    "io",
    "logging",
    "os",
    "pathlib",
    "requests",
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib3",
    "uuid",
}
# Names of paths, without files behind them.
PURE_EXCEPTIONS = {"pathlib.PurePosixPath"}
IMPURE_NAMES = {"open", "print", "input", "exec", "eval"}


@dataclass(frozen=True, slots=True)
class Import:
    module: str
    at_top: bool


def modules(package: Path = PACKAGE) -> dict[str, Path]:
    """Dotted name below the package -> file; `ci.github_actions`, `config`, … ."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = list(path.relative_to(package).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path
    return found


def imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, id(node) in at_top)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where an arrow goes"
            for alias in node.names:
                yield Import(f"{node.module}.{alias.name}", id(node) in at_top)


def own_imports(path: Path) -> set[str]:
    """The modules of the package that `path` imports; `from dbt_action.runs import Run` is `runs`."""
    known = modules()
    found = set()
    for entry in imports(path):
        if not entry.module.startswith("dbt_action."):
            continue
        name = entry.module.removeprefix("dbt_action.")
        while name and name not in known:
            name = name.rpartition(".")[0]
        found.add(name)
    return found - {""}


def room(name: str) -> str:
    return name.partition(".")[0]


MODULES = {name: path for name, path in modules().items() if name}
PURE = {name: path for name, path in MODULES.items() if room(name) not in WIRED}


def test_modules__the_rooms_of_the_house_are_there() -> None:
    expected = {
        "app",
        "inputs",
        "config",
        "context",
        "trigger",
        "runs",
        "monitor",
        "results",
        "report",
        "errors",
    }

    assert expected | EDGES <= {room(name) for name in MODULES}


@pytest.mark.parametrize("name", PURE)
def test_pure_module__imports_only_pure_things(name: str) -> None:
    imported = {entry.module for entry in imports(PURE[name])} - PURE_EXCEPTIONS
    roots = {module.partition(".")[0] for module in imported}

    assert roots & IMPURE == set()
    assert roots <= {"dbt_action", "yaml", "ijson"} | sys.stdlib_module_names  # parsers of text at hand
    assert {room(other) for other in own_imports(PURE[name])} & (SHELL | EDGES) == set()


@pytest.mark.parametrize("name", PURE)
def test_pure_module__calls_nothing_that_reads_or_writes(name: str) -> None:
    tree = ast.parse(PURE[name].read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}

    assert called & IMPURE_NAMES == set()


def test_edges__do_not_import_the_shell_and_ci_and_hosts_do_not_know_each_other() -> None:
    for name, path in MODULES.items():
        rooms = {room(other) for other in own_imports(path)}
        if room(name) not in SHELL:
            assert rooms & SHELL == set(), name
        if room(name) in {"ci", "hosts"}:
            assert rooms & (EDGES - {room(name)}) == set(), name


def test_ground_floor__context_and_errors_import_nothing_and_runs_only_those() -> None:
    assert own_imports(MODULES["errors"]) == set()
    assert own_imports(MODULES["context"]) == set()
    assert own_imports(MODULES["runs"]) <= {"errors", "text", "context"}


def test_imports__have_no_circles() -> None:
    graph = {name: own_imports(path) - {name} for name, path in MODULES.items()}

    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_process__is_touched_by_app_and_the_command_line_only() -> None:
    for name, path in MODULES.items():
        if name not in {"app", "cli"}:
            roots = {entry.module.partition(".")[0] for entry in imports(path)}
            assert roots & {"os", "sys", "signal"} == set(), name


def test_time__is_known_to_the_clock_and_the_shell_only() -> None:
    importers = {name for name, path in MODULES.items() if any(entry.module == "time" for entry in imports(path))}

    assert importers == {"clock"}


def test_pygithub__is_imported_in_one_module_which_is_imported_only_when_needed() -> None:
    everything = [(name, entry) for name, path in MODULES.items() for entry in imports(path)]

    assert {name for name, entry in everything if room(entry.module) == "github"} == {"hosts._pygithub"}
    ways_in = [entry.at_top for _, entry in everything if entry.module.startswith("dbt_action.hosts._pygithub")]
    assert ways_in
    assert not any(ways_in)


def test_app__starts_without_pygithub_and_yaml() -> None:
    code = "import sys, dbt_action.app; print({'github', 'yaml', 'ijson', 'nacl', 'cryptography'} & set(sys.modules))"
    start = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert start.stdout.strip() == "set()"


def test_emulator__and_the_product_do_not_know_each_other() -> None:
    strangers = {
        "dbt_action": {"emulator", "demo", "docs", "tests", "flask", "dbt"},
        "emulator": {"dbt_action", "tests"},
    }
    for package, forbidden in strangers.items():
        for path in (ROOT / package).rglob("*.py"):
            roots = {entry.module.partition(".")[0] for entry in imports(path)}
            assert roots & forbidden == set(), path
