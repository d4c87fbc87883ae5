"""The one form of an email address. It is stored, and every comparison uses it."""

import re
import unicodedata
from typing import Final

#: The constraint `person_email_normal` demands the same, and lower case.
_is_visible: Final = re.compile(r"[!-?A-~]+@[!-?A-~]+").fullmatch
#: Characters that IDNA 2008 keeps in a domain, and that case-folding or IDNA 2003 replaces: ß, ς and joiners. The
#: result could be the domain of another owner.
_has_ambiguous_characters: Final = re.compile("[ßẞς\u200c\u200d]").search


class EmailAddressError(ValueError):
    """Text that is no address that can be stored. `is_local_part_foreign`: only because of characters before the @."""

    def __init__(self, *, is_local_part_foreign: bool = False) -> None:
        super().__init__("not an email address")
        self.is_local_part_foreign = is_local_part_foreign


def normal_form(address: str) -> str:
    """The address in NFKC, case-folded, with the domain in ASCII (IDNA). The part before the @ must be ASCII.

    So addresses that reach one mailbox, or that look alike, are equal: `Ann@Bücher.example` and
    `ann@xn--bcher-kva.example`. The result need not be a valid address in other respects.

    Raises EmailAddressError, also for an IP address in place of a domain, and for a domain that IDNA 2003 and 2008
    encode differently, such as `straße.example`. Its ASCII form is accepted.
    """
    text = unicodedata.normalize("NFKC", address.strip())
    if _has_ambiguous_characters(text.rpartition("@")[2]):
        raise EmailAddressError
    local_part, at, domain = text.casefold().rpartition("@")
    if not at or not local_part or '"' in local_part:  # quotes would give a mailbox a second address
        raise EmailAddressError
    if domain.startswith("["):
        raise EmailAddressError
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise EmailAddressError from error
    if not local_part.isascii():
        raise EmailAddressError(is_local_part_foreign=True)
    address = f"{local_part}@{ascii_domain}"
    if not _is_visible(address):
        raise EmailAddressError
    return address
