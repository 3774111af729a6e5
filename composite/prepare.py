"""Says with what the composite action is installed: prints lines `NAME=value` for run.sh.

Run by each Python that is found, with `-I`; it fails in one that is too old, or has no pip where there is no uv.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements.txt"
# Settings of pip that say where packages come from. Every other one could send them elsewhere, or install others.
SETTINGS = ("index-url", "extra-index-url", "find-links", "cert", "client-cert", "trusted-host", "proxy")


def config_files() -> list[Path]:
    """The files that pip reads, the most important one last (documented: pip.pypa.io, Configuration)."""
    home, chosen = Path.home(), os.environ.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return []
    if os.name == "nt":
        everybody = [Path(os.environ.get("PROGRAMDATA", "C:/ProgramData"), "pip", "pip.ini")]
        user = [home / "pip" / "pip.ini", Path(os.environ.get("APPDATA", home), "pip", "pip.ini")]
    else:
        folders = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        everybody = [*(Path(folder, "pip", "pip.conf") for folder in folders.split(":")), Path("/etc/pip.conf")]
        user = [home / ".pip" / "pip.conf", Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "pip/pip.conf")]
    if sys.platform == "darwin":
        everybody.append(Path("/Library/Application Support/pip/pip.conf"))
        user.append(home / "Library" / "Application Support" / "pip" / "pip.conf")
    site = Path(sys.prefix, "pip.ini" if os.name == "nt" else "pip.conf")
    return [*everybody, *user, site, *([Path(chosen)] if chosen else [])]


def settings() -> dict[str, str]:
    """The variables that say where packages come from, by name; a variable that is set wins over the files."""
    # Without interpolation: addresses contain percent signs.
    config = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        config.read(config_files(), encoding="utf-8")
    except (configparser.Error, UnicodeError):
        # pip itself would refuse such a file.
        config.clear()
    found = {}
    for name in SETTINGS:
        variable = f"PIP_{name.upper().replace('-', '_')}"
        value = os.environ.get(variable) or next(
            (
                config[section][spelling]
                for section in ("install", "global")
                for spelling in (name, name.replace("-", "_"))
                if config.has_option(section, spelling)
            ),
            "",
        )
        if value.strip():
            found[variable] = " ".join(value.split())
    return found


def folder_name() -> str:
    """The folder of the packages. A second use of the action in the same job finds it again."""
    key = hashlib.sha256(LOCK.read_bytes() + sys.version.encode() + sys.executable.encode())
    return f"dbt-cloud-run-{key.hexdigest()[:16]}"


def main() -> int:
    """Print the lines; the argument `uv` says that pip is not needed."""
    if sys.version_info < (3, 10) or ("uv" not in sys.argv[1:] and find_spec("pip") is None):
        return 1
    lines = {"folder": folder_name(), **settings(), "PIP_CONFIG_FILE": os.devnull}
    sys.stdout.write("".join(f"{name}={value}\n" for name, value in lines.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
