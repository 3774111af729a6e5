"""Imports all modules of a package, so that a new platform is found without being listed anywhere."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType


def modules(package: str, path: Iterable[str]) -> tuple[ModuleType, ...]:
    """The modules of `package`, whose `__path__` is `path`, in the order of their names.

    Modules that begin with an underscore are left out: they are imported when they are needed.
    """
    names = (module.name for module in pkgutil.iter_modules(path))
    return tuple(importlib.import_module(f"{package}.{name}") for name in names if not name.startswith("_"))
