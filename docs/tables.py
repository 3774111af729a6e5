"""Renders `dbt_action/inputs.py` as YAML and Markdown for cog; what the inputs are is not decided here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from dbt_action.config import inputs
from dbt_action.report import outputs

# What only an expression can reach is the default of an input in the action files, and only that.
EXPRESSION = "${{"


def action_inputs() -> str:
    """The `inputs:` of both action files; with the aliases, or else the runner would warn about them."""
    return "\n".join(_input_lines())


def _input_lines() -> Iterator[str]:
    names = {row.name for row in inputs.INPUTS}
    for row in inputs.INPUTS:
        yield from _entry(row.name, _description(row))
        if row.default.startswith(EXPRESSION):
            yield f"    default: {row.default}"
        for alias in row.aliases:
            if alias not in names:
                yield from _entry(alias, f"The same as `{row.name}`, for migration from other actions.")


def action_outputs(*, step: str = "") -> str:
    """The `outputs:`; a composite action has to name the step that they come from."""
    lines: list[str] = []
    for output in outputs.OUTPUTS:
        lines += _entry(output.name, output.help)
        if step:
            lines.append(f"    value: ${{{{ steps.{step}.outputs.{output.name} }}}}")
    return "\n".join(lines)


def docker_env() -> str:
    """`runs.env` of the Docker action. It does not override variables of the workflow."""
    return "\n".join(f"    {row.variable}: {_expression(row)}" for row in inputs.INPUTS)


def composite_env() -> str:
    """`env:` of the composite step. It would override variables of the workflow, so it falls back to them."""
    lines = (f"{row.variable}: {_expression(row, f'env.{row.variable}')}" for row in inputs.INPUTS)
    return "\n".join(f"        {line}" for line in lines)


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows))


def readme_inputs() -> str:
    rows = ((f"`{row.name}`", _default(row), _cell(row.help)) for row in inputs.INPUTS)
    return table(("Input", "Default", "What it is"), rows)


def readme_aliases() -> str:
    rows = []
    for row in inputs.INPUTS:
        variables = tuple(name for name in row.variables() if not name.startswith("INPUT_"))
        rows.append((f"`{row.name}`", _codes(row.aliases), _codes(variables)))
    return table(("Input", "Also as input", "Also as environment variable"), rows)


def readme_outputs() -> str:
    rows = ((f"`{output.name}`", _cell(output.help)) for output in outputs.OUTPUTS)
    return table(("Output", "What it holds"), rows)


def _entry(name: str, description: str) -> list[str]:
    return [f"  {name}:", f"    description: {json.dumps(description, ensure_ascii=False)}"]


def _description(row: inputs.Input) -> str:
    # An expression in a description is an error to the runner, and `default:` says it anyway.
    if not row.default or row.default.startswith(EXPRESSION):
        return row.help
    return f"{row.help} Default: {_default(row)}."


def _default(row: inputs.Input) -> str:
    if row.default.startswith("("):
        return row.default.strip("()")
    return f"`{_cell(row.default)}`" if row.default else ""


def _expression(row: inputs.Input, *fallbacks: str) -> str:
    sources = [f"inputs.{name}" for name in (row.name, *row.aliases)]
    return f"${{{{ {' || '.join([*sources, *fallbacks])} }}}}"


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
