"""Rules FC401 and FC402: what must not be in Git or in DVC's configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fullcycle.operations.findings import Finding, finding
from fullcycle.operations.portable import excused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fullcycle.operations.context import Context

CONFIG_KEY = re.compile(
    r"^\s*(access_key_id|secret_access_key|session_token|password|token|account_key|sas_token|connection_string"
    r"|gdrive_client_secret|client_secret|oss_key_secret|webdav_token|custom_auth_header)\s*=\s*(\S+)",
    re.IGNORECASE,
)
IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@{}$<]+:([^/\s@{}$<]{3,})@")
SECRETS = [
    re.compile(r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b"),
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)"),
    re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})\b"),
    re.compile(r"\b(xox[abprs]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{30,}|glpat-[\w-]{20,}|AIza[\w-]{35})\b"),
    re.compile(r"aws_secret_access_key[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9/+]{40})\b", re.IGNORECASE),
    re.compile(
        r"\b\w*(?:password|passwd|secret|api_?key|token)[\"']?\s*[:=]\s*[\"']([^\s\"'{}$<>]{8,})[\"']",
        re.IGNORECASE,
    ),
]
PLACEHOLDERS = {"pass", "password", "passwd", "secret", "token", "changeme", "your_password"}
MAX_READ = 2**20
MEND = "Revoke it, take it out of Git, and keep it in .dvc/config.local or the environment"


def credentials(context: Context) -> Iterator[Finding]:
    """FC401: secrets in ``.dvc/config``, in tracked files, and ``.dvc/config.local`` in Git."""
    root = context.repository.root
    for name in context.tracked:
        if name.endswith(".dvc/config.local"):
            yield finding("credential", name, "the private half of DVC's configuration is in Git", MEND)
    for name in dict.fromkeys([".dvc/config", *context.tracked]):
        file = root / name
        if not file.is_file() or file.stat().st_size > MAX_READ:
            continue
        content = file.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            for secret in _secrets(name, line) if not excused(line, "credential") else ():
                yield finding(
                    "credential", f"{name}:{number}", f"a secret that begins with {secret[:4]!r}", MEND
                )


def _secrets(name: str, line: str) -> Iterator[str]:
    """The first secret in a line: by what DVC calls it, in a URL, or by its shape."""
    config = CONFIG_KEY.match(line) if name == ".dvc/config" else None
    if config:
        yield config[2]
        return
    for pattern in [IN_URL, *SECRETS]:
        found = pattern.search(line)
        if found and found[1].lower() not in PLACEHOLDERS:
            yield found[1]
            return


def large_files(context: Context) -> Iterator[Finding]:
    """FC402: files in Git above the limit."""
    limit = context.settings.max_git_bytes
    for name in context.tracked:
        size = (context.repository.root / name).stat().st_size
        if size > limit:
            mend = f"`git rm --cached {name}` and `dvc add {name}`"
            yield finding("large-file", name, f"{size} bytes; the limit is {limit}", mend)
