"""Writes the files of a pipeline for a checkout: for deployments, for pull requests, or for both."""

from __future__ import annotations
