"""Code hosts on this machine: what the product posts to them, statuses and comments, and nothing else of them."""

from __future__ import annotations

from emulator.hosts.azure_devops import AzureDevOps
from emulator.hosts.bitbucket import Bitbucket
from emulator.hosts.github import GitHub
from emulator.hosts.gitlab import GitLab

__all__ = ["AzureDevOps", "Bitbucket", "GitHub", "GitLab"]
