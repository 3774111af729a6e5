"""What a failure takes with it as a drawing in Mermaid, readable on light and dark pages. Pure."""

from __future__ import annotations

import re

from dbt_action.results.impact import TEST_KINDS, Impact
from dbt_action.text import cut

# Fewer need no drawing, more cannot be read.
_FEWEST, _MOST = 2, 25
_MAX_NAME = 40
# Colours with enough contrast on a light and on a dark page, with their own text colour.
_CLASSES = (
    "classDef failed fill:#cf222e,stroke:#a40e26,color:#ffffff",
    "classDef skipped fill:#6e7781,stroke:#57606a,color:#ffffff",
    "classDef exposure fill:#9a6700,stroke:#7d4e00,color:#ffffff",
)


def flowchart(impact: Impact) -> str:
    """The failed nodes (red), what was not built (grey) and exposures (rounded); "" for too few or too many."""
    failed = [node for cause in impact.causes for node in cause.nodes] + list(impact.consequences)
    names = {node.unique_id: (node.name, "failed") for node in failed}
    names |= {node.unique_id: (node.name, "skipped") for node in impact.not_built if node.kind not in TEST_KINDS}
    names |= {uid: (exposure.name, "exposure") for uid, exposure in impact.exposures.items()}
    if not _FEWEST <= len(names) <= _MOST or not impact.edges:
        return ""
    ids = {uid: f"n{number}" for number, uid in enumerate(names)}
    lines = ["flowchart LR"]
    for uid, (name, style) in names.items():
        begin, end = ('(["', '"])') if style == "exposure" else ('["', '"]')
        lines.append(f"    {ids[uid]}{begin}{_label(name)}{end}")
    lines += [f"    {ids[parent]} --> {ids[child]}" for parent, child in impact.edges if {parent, child} <= ids.keys()]
    for style in dict.fromkeys(style for _, style in names.values()):
        members = ",".join(ids[uid] for uid, (_, own) in names.items() if own == style)
        lines.append(f"    class {members} {style}")
    return "\n".join([*lines, *(f"    {style}" for style in _CLASSES)])


def _label(name: str) -> str:
    """`name` without characters that mean something to Mermaid or to HTML."""
    return cut(re.sub(r"[^\w.\- ]", "", name).strip() or "node", _MAX_NAME)
