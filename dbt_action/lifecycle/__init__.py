"""One run from start to end; the only package that knows all the others, and only `app` imports it."""

from __future__ import annotations
