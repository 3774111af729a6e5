"""Hosts of code on this machine, to be posted to by the product: statuses and comments; nothing else of them."""

from __future__ import annotations

from emulator.hosts.azure_devops import AzureDevOps
from emulator.hosts.bitbucket import Bitbucket
from emulator.hosts.gitlab import GitLab

__all__ = ["AzureDevOps", "Bitbucket", "GitLab"]
