"""Where we run: choosing the CI; what each one knows and understands is in its own module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from dbt_action import discovery
from dbt_action.ci.log import Log
from dbt_action.ci.terminal import Terminal
from dbt_action.config.input_types import Input, InputType

CiPlatform = Terminal

AUTO = "auto"


_MODULES = discovery.modules(__name__, __path__)

# A module of this package that names its class `CI` is one. The first that recognises its environment is taken; the
# terminal comes last and recognises everything.
KNOWN: tuple[type[CiPlatform], ...] = tuple(
    sorted(
        (module.CI for module in _MODULES if hasattr(module, "CI")), key=lambda kind: (kind.detection_order, kind.key)
    )
)

_CHOICE = Input(
    name="ci",
    input_type=InputType.CHOICE,
    help="Where this runs; `none` is a terminal. To be given only when the detection is wrong.",
    default=AUTO,
    choices=(AUTO, *(kind.key for kind in KNOWN)),
)
# The rows of the table of inputs that are about where we run; a module may have some of its own.
INPUTS: tuple[Input, ...] = (_CHOICE, *(row for module in _MODULES for row in getattr(module, "INPUTS", ())))


def detect(environ: Mapping[str, str], stream: TextIO) -> CiPlatform:
    """The CI that `environ` belongs to, speaking to `stream`; an explicit choice beats detection."""
    chosen = environ.get(_CHOICE.variable, "").strip().casefold()
    # A choice that does not exist is told by `config`, together with the other problems.
    kind = next((kind for kind in KNOWN if kind.key == chosen), None)
    if kind is None:
        kind = next(kind for kind in KNOWN if kind.detected(environ))
    return kind(environ, Log(stream))
