"""Where an embedded server runs: its short socket folder and the account it runs under."""

import hashlib
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from opscom.embedded.child import EmbeddedServerError

NOBODY_ID = 65534  # PostgreSQL's initdb refuses a uid without a passwd entry; this one has one everywhere


@dataclass(frozen=True)
class Account:
    """Who a server runs as: words before its command, and the uid that owns its files (None: ours)."""

    prefix: tuple[str, ...] = ()
    owner: int | None = None


OURS = Account()
# PostgreSQL refuses root by its uid. A user namespace shows it another one, while the files stay root's.
NAMESPACE = Account(("unshare", "--user", f"--map-user={NOBODY_ID}", f"--map-group={NOBODY_ID}"))
# Containers often refuse user namespaces. Then it runs as nobody, owns its data, and keeps the one capability that lets
# it pass closed parent folders; the uid change clears the death signal of the child, so it is set again here.
NOBODY = Account(
    (
        "setpriv",
        f"--reuid={NOBODY_ID}",
        f"--regid={NOBODY_ID}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--pdeathsig=INT",
    ),
    NOBODY_ID,
)


@cache
def postgres_account() -> Account:
    """Choose the account PostgreSQL runs under: ours, or for root one that it accepts."""
    if os.geteuid() != 0:
        return OURS
    for account in (NAMESPACE, NOBODY):
        if shutil.which(account.prefix[0]) and _runs([*account.prefix, "true"]):
            return account
    message = "PostgreSQL refuses to run as root, and neither unshare nor setpriv works here: use an ordinary user"
    raise EmbeddedServerError(message)


def socket_folder(data: Path) -> Path:
    """Return the folder for the sockets of the server over `data`: always the same, and short.

    A socket's path has at most 107 bytes, and data may lie anywhere.
    """
    name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]
    return Path(f"/tmp/opscom-{os.geteuid()}-{name}")  # noqa: S108 - made private and checked below


def make_private(folder: Path, account: Account = OURS) -> None:
    """Make `folder` and its parents; it belongs to the account and is closed to all others.

    Raises EmbeddedServerError when somebody else has put something of this name there.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid not in {os.geteuid(), account.owner}:
        message = f"{folder} belongs to somebody else: remove it"
        raise EmbeddedServerError(message)
    folder.chmod(0o700)
    if account.owner is not None:
        os.chown(folder, account.owner, account.owner)


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
