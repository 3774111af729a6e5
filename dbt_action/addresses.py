"""Which addresses may be sent a token: HTTPS, or plain HTTP on this machine. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# With the numbers of 127.0.0.0/8 and of IPv6. No subdomains of `localhost`: a name server may answer for them.
_LOOPBACK = re.compile(r"localhost|127(?:\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}|::1", re.ASCII | re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether `host`, without brackets, is this machine itself."""
    return _LOOPBACK.fullmatch(host) is not None


def token_problem(url: str) -> str:
    """Why no token is sent to `url`, as a clause that does not repeat it; "" if it may be sent."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "is no address"
    if "@" in parts.netloc:
        return "contains a user or a password"
    if parts.scheme == "https" and host:
        return ""
    return "" if parts.scheme == "http" and is_loopback(host) else "does not begin with `https://`"
