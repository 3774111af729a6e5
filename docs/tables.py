"""Renders the tables of inputs and outputs as YAML and Markdown, for the blocks that cog generates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from dbt_action.config.input_types import Input
from dbt_action.config.inputs import INPUTS
from dbt_action.report.outputs import OUTPUTS

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


def readme_inputs() -> str:
    rows = ((f"`{row.name}`", _default(row), _cell(row.help)) for row in INPUTS)
    return table(("Input", "Default", "What it is"), rows)


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
