"""Where the command runs: each CI is one module. Imports `config` and the small modules, no other package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from dbt_action import discovery
from dbt_action.ci.base import CiPlatform
from dbt_action.ci.log import Log
from dbt_action.config import input_types
from dbt_action.config.input_types import Input, InputType

__all__ = ["AUTO", "INPUTS", "KNOWN", "CiPlatform", "detect"]

AUTO = "auto"

_MODULES = discovery.modules(__name__, __path__)

# Every module that names its class `CI` is a CI. Of those that recognise an environment the first one is taken; the
# terminal is the last, and recognises every environment.
KNOWN: tuple[type[CiPlatform], ...] = tuple(
    sorted(
        (module.CI for module in _MODULES if hasattr(module, "CI")),
        key=lambda platform: (platform.detection_order, platform.id),
    )
)

_CHOICE = Input(
    name="ci",
    input_type=InputType.CHOICE,
    help="Where this runs; `none` is a terminal. To be given only when the detection is wrong.",
    default=AUTO,
    choices=(AUTO, *(platform.id for platform in KNOWN)),
)
# The inputs that are about the CI; a module may add some in an `INPUTS` of its own.
INPUTS: tuple[Input, ...] = (_CHOICE, *(row for module in _MODULES for row in getattr(module, "INPUTS", ())))


def detect(environ: Mapping[str, str], stream: TextIO) -> CiPlatform:
    """The CI that `environ` belongs to, with its log on `stream`. The input `ci` overrides the detection."""
    found = input_types.lookup(environ, _CHOICE)
    chosen = found.value.casefold() if found else AUTO
    # An unknown choice is ignored here: `config.loader` reports it together with the other problems.
    platform = next((platform for platform in KNOWN if platform.id == chosen), None)
    if platform is None:
        platform = next(platform for platform in KNOWN if platform.detected(environ))
    return platform(environ, Log(stream))
