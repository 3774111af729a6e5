"""Renders the tables of inputs and outputs as YAML and Markdown, for the blocks that cog generates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from dbt_action import cli_flags, cli_help
from dbt_action.config.input_types import Input, InputType
from dbt_action.config.inputs import INPUTS
from dbt_action.report.outputs import OUTPUTS

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
# Inputs that most people need.
USUAL = (
    "job-url",
    "dbt-token",
    "run-on",
    "schema-override",
    "timeout-minutes",
    "comment",
    "artifacts",
    "files-to-ignore",
)
# The types that action-types.yml has words for; everything else is a text.
_TYPES = {
    InputType.BOOLEAN: "boolean",
    InputType.ID: "integer",
    InputType.COUNT: "integer",
    InputType.RETRIES: "integer",
}
# Action files have a default only where it is such an expression; all other defaults are the program's.
EXPRESSION = "${{"


def action_inputs() -> str:
    """The `inputs:` of both action files, aliases included: the runner warns about inputs that are not listed."""
    return "\n".join(_input_lines())


def _input_lines() -> Iterator[str]:
    names = {row.name for row in INPUTS}
    for row in INPUTS:
        yield from _entry(row.name, _description(row))
        if row.default.startswith(EXPRESSION):
            yield f"    default: {row.default}"
        for alias in row.aliases:
            if alias not in names:
                yield from _entry(alias, f"The same as `{row.name}`, for migration from other actions.")


def action_outputs(*, step: str = "") -> str:
    """The `outputs:`; those of a composite action also name the `step` that sets them."""
    lines: list[str] = []
    for output in OUTPUTS:
        lines += _entry(output.name, output.help)
        if step:
            lines.append(f"    value: ${{{{ steps.{step}.outputs.{output.name} }}}}")
    return "\n".join(lines)


def docker_env() -> str:
    """`runs.env` of the Docker action; a variable that the workflow sets wins over it."""
    return "\n".join(f"    {row.variable}: {_expression(row)}" for row in INPUTS)


def composite_env() -> str:
    """`env:` of the composite action's steps; it replaces variables of the workflow, so it falls back to them."""
    lines = (f"{row.variable}: {_expression(row, f'env.{row.variable}')}" for row in INPUTS)
    return "\n".join(f"        {line}" for line in lines)


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows))


def readme_usual_inputs() -> str:
    """The inputs that most people need."""
    rows = {row.name: row for row in INPUTS}
    return _inputs(rows[name] for name in USUAL)


def readme_other_inputs() -> str:
    """The others, by the groups of the command line."""
    rows = {row.name: row for row in INPUTS if row.name not in USUAL}
    lines = []
    for title, names in cli_flags.GROUPS:
        found = [rows[name] for name in names if name in rows]
        items = (f"`{row.name}`{f' ({_default(row)})' if row.default else ''}: {_cell(row.help)}" for row in found)
        if found:
            lines.append((title, "<br>".join(items)))
    return table(("Group", "Inputs, with their defaults"), lines)


def _inputs(rows: Iterable[Input]) -> str:
    cells = ((f"`{row.name}`", _default(row), _cell(row.help)) for row in rows)
    return table(("Input", "Default", "What it is"), cells)


def example(name: str) -> str:
    """The file of `examples/` as a block of a page."""
    text = (EXAMPLES / name).read_text(encoding="utf-8").rstrip("\n")
    return f"```yaml\n{text}\n```"


def exit_codes() -> str:
    return table(("Code", "Meaning"), ((str(int(code)), _cell(words)) for code, words in cli_help.EXIT_CODES.items()))


def action_types() -> str:
    """The types of inputs and outputs, for tools that generate code from them (typesafegithub's action-types.yml)."""
    lines = ["inputs:"]
    for row in INPUTS:
        for name in (row.name, *row.aliases):
            lines += [f"  {name}:", *_type(row)]
    lines.append("outputs:")
    for output in OUTPUTS:
        lines += [f"  {output.name}:", "    type: string"]
    return "\n".join(lines)


def _type(row: Input) -> list[str]:
    if row.allowed:
        return ["    type: enum", "    allowed-values:", *(f"      - {json.dumps(value)}" for value in row.allowed)]
    return [f"    type: {_TYPES.get(row.input_type, 'string')}"]


def readme_aliases() -> str:
    rows = []
    for row in INPUTS:
        variables = tuple(name for name in row.variables() if not name.startswith("INPUT_"))
        rows.append((f"`{row.name}`", _codes(row.aliases), _codes(variables)))
    return table(("Input", "Also as input", "Also as environment variable"), rows)


def readme_outputs() -> str:
    rows = ((f"`{output.name}`", _cell(output.help)) for output in OUTPUTS)
    return table(("Output", "What it holds"), rows)


def _entry(name: str, description: str) -> list[str]:
    return [f"  {name}:", f"    description: {json.dumps(description, ensure_ascii=False)}"]


def _description(row: Input) -> str:
    # The runner refuses an expression in a description; `default:` shows it anyway.
    if not row.default or row.default.startswith(EXPRESSION):
        return row.help
    return f"{row.help} Default: {_default(row)}."


def _default(row: Input) -> str:
    if row.default.startswith("("):
        return row.default.strip("()")
    return f"`{_cell(row.default)}`" if row.default else ""


def _expression(row: Input, *fallbacks: str) -> str:
    sources = [f"inputs.{name}" for name in (row.name, *row.aliases)]
    return f"${{{{ {' || '.join([*sources, *fallbacks])} }}}}"


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
