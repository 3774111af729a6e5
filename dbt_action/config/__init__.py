"""Reading the inputs; and the two values that describe a build, Config and CiContext. Imports `errors` and `text`."""

from __future__ import annotations
