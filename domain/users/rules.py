"""Pure rules of people's names: which are accepted, and which two are one."""

from __future__ import annotations

import unicodedata

from domain.users.errors import EmailInvalid, PersonNameInvalid, UserNameInvalid

LONGEST = 254
"""Characters of a user name or an e-mail address (RFC 5321, 4.5.3.1.3 without the brackets)."""


def name_key(name: str) -> str:
    """What user names and e-mail addresses are compared by: compatibility forms and case folded, outer space gone.

    Letters of other scripts that merely look alike stay different: they are another name, never the same person.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).casefold())
    return folded.strip().rstrip(".")


def sought_key(name: str) -> str:
    """The key by which somebody may be looked up who typed this; empty, which is nobody's, for what is no name.

    Never None: compared with that, a column would match everybody who has none.
    """
    return name_key(name) if _is_printable(name.strip()) else ""


def checked_user_name(user_name: str, email: str | None) -> tuple[str, str]:
    """The user name and its key. A name with ``@`` must be the person's own e-mail, or it could shadow another's.

    Raises UserNameInvalid for an empty, too long or unprintable one.
    """
    name, key = user_name.strip(), name_key(user_name)
    if not key or not _is_printable(name):
        raise UserNameInvalid(f"A user name is 1 to {LONGEST} printable characters.")
    if "@" in key and (email is None or key != name_key(email)):
        raise UserNameInvalid("A user name with @ must be the person's own e-mail address.")
    return name, key


def checked_person_name(name: str) -> str:
    """The name without blanks around it; it may be empty. Raises PersonNameInvalid for a too long or unprintable one."""
    stripped = name.strip()
    if not _is_printable(stripped):
        raise PersonNameInvalid(f"The name of a person has at most {LONGEST} printable characters.")
    return stripped


def checked_email(email: str | None) -> tuple[str | None, str | None]:
    """The e-mail address and its key; nothing for nothing. Only its form is checked. Raises EmailInvalid."""
    address = (email or "").strip()
    if not address:
        return None, None
    local, at, domain = address.rpartition("@")
    if not (local and at and "." in domain and _is_printable(address)) or any(c.isspace() for c in address):
        raise EmailInvalid
    return address, name_key(address)


def _is_printable(text: str) -> bool:
    return len(text) <= LONGEST and text.isprintable()
