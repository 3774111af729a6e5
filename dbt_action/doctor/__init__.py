"""Looks at a set-up without starting anything, and says what cannot work and what works otherwise than wanted."""

from __future__ import annotations
