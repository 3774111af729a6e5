"""What the user and the CI say: inputs, their parsing, Config and CiContext; imports only the modules beside it."""

from __future__ import annotations
