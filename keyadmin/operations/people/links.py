"""Links and invitations: who may see one, what ends it, and how its token is read.

The token of a link is the id of its row, signed with DJANGO_SECRET_KEY, as one run of letters and digits, which the
logs redact. It is never stored. It also says whether it was mailed: only such a token proves that its holder reads mail
to the address. The maker sees another token of the same link.

A link depends on the address, the roles and the activity of its person and of its maker. Operations that change one of
these call `end_all`. A digest of all of them is kept with the link, so that a change made otherwise ends it too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.core import signing
from django.db.models import Q
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import NotFoundError, OperationError
from keyadmin.models import Invitation, Organisation, PasswordLink, Person
from keyadmin.models.link import LinkPurpose
from keyadmin.models.outbox import JobKind
from keyadmin.operations import audit, outbox

INVITATION_LIFETIME: Final = timedelta(days=7)
LIFETIMES: Final = {
    LinkPurpose.GIVEN: timedelta(days=7),
    LinkPurpose.CONFIRMATION: timedelta(days=7),
    LinkPurpose.ADDRESS: timedelta(days=7),
    LinkPurpose.RESET: timedelta(hours=1),
}
#: A mail that could not be sent for so long is dropped: the link has been passed on otherwise, or requested again.
_MAIL_LIFETIME: Final = timedelta(days=1)
_RESET_MAIL_LIFETIME: Final = timedelta(hours=1)
_SALT: Final = "keyadmin.link"
_MAX_TOKEN_LENGTH: Final = 400
_KINDS: Final[dict[str, type[Invitation] | type[PasswordLink]]] = {"i": Invitation, "p": PasswordLink}


class LinkEndedError(OperationError):
    """A genuine link that is no longer valid; the message says why."""


@dataclass(frozen=True, slots=True)
class FoundLink:
    """An open link. `person` has the account of its address, None if there is none yet."""

    link: Invitation | PasswordLink
    person: Person | None
    is_mailed: bool

    @property
    def is_first_proof(self) -> bool:
        """Whether using the link verifies the address of an account that exists."""
        if not self.is_mailed or self.person is None:
            return False
        return not self.person.is_email_verified or self.new_email != ""

    @property
    def new_email(self) -> str:
        """The address that the person has when they use the link; "" for their present one."""
        return self.link.email if isinstance(self.link, PasswordLink) else ""


def token_of(link: Invitation | PasswordLink, *, is_mailed: bool) -> str:
    kind = "i" if isinstance(link, Invitation) else "p"
    signed = signing.Signer(salt=_SALT).sign(f"{kind}{'m' if is_mailed else 's'}{link.id.hex}{link.serial}")
    return signed.encode().hex()


def find(token: str) -> FoundLink:
    """The open link of the token.

    Raises NotFoundError for a token that was never valid and LinkEndedError for one that no longer is.
    """
    link, is_mailed = _read(token)
    return _require_open(link, _person_of(link), is_mailed)


def lock(token: str) -> FoundLink:
    """As `find`. The people that the link depends on, its organisation and the link itself are locked."""
    link, is_mailed = _read(token)
    person = _person_of(link)
    ids = [each for each in (link.maker_id, person.id if person else None) if each]
    people = {row.id: row for row in Person.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id")}
    if isinstance(link, Invitation) and link.organisation_id:
        Organisation.objects.select_for_update(no_key=True).get(id=link.organisation_id)
    locked = type(link)._default_manager.select_for_update().filter(id=link.id, serial=link.serial).first()
    if locked is None:
        raise LinkEndedError(_("It has been used or ended, or there is a newer one."))
    locked.maker = people.get(link.maker_id) if link.maker_id else None
    if isinstance(locked, PasswordLink):
        locked.person = people[locked.person_id]
    return _require_open(locked, people.get(person.id) if person else None, is_mailed)


def lock_invitation(invitation: UUID) -> Invitation:
    """The invitation and its organisation, locked; the caller has locked the people. Raises NotFoundError."""
    row: Invitation | None = Invitation.objects.filter(id=invitation).first()
    if row is None:
        raise NotFoundError
    if row.organisation_id:
        Organisation.objects.select_for_update(no_key=True).get(id=row.organisation_id)
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("organisation", "maker")
    locked: Invitation | None = rows.filter(id=row.id).first()
    if locked is None:
        raise NotFoundError
    return locked


def is_open(link: Invitation | PasswordLink) -> bool:
    try:
        _require_open(link, _person_of(link), is_mailed=False)
    except LinkEndedError:
        return False
    return True


def is_address_taken(link: PasswordLink) -> bool:
    """Whether the new address has an account. The link stays open for its maker, who must not learn this."""
    return bool(link.email) and Person.objects.filter(email=link.email).exists()


def open_links(person: Person) -> list[PasswordLink]:
    """The open links of the person, the newest first."""
    links = PasswordLink.objects.open().filter(person=person).select_related("maker").order_by("-created_at", "id")
    return [link for link in links if is_open(link)]


def end_all(person: Person) -> None:
    """End the links of the person, the links that they made, and their invitations of others."""
    PasswordLink.objects.filter(Q(person=person) | Q(maker=person)).delete()
    Invitation.objects.filter(maker=person).delete()


def create(
    person: Person,
    purpose: LinkPurpose,
    maker: Actor | None = None,
    *,
    link_id: UUID | None = None,
    email: str = "",
) -> PasswordLink:
    """Create a link of the locked person. A link that is made for a person ends the earlier ones made for them."""
    if purpose is not LinkPurpose.RESET:
        PasswordLink.objects.filter(person=person, purpose=purpose).delete()
    made_by = person_of_actor(maker)
    return PasswordLink.objects.create(
        id=link_id or uuid4(),
        person=person,
        purpose=purpose,
        email=email,
        maker=made_by,
        maker_label=maker.label if maker else "",
        fingerprint=fingerprint(person, made_by),
        expires_at=audit.database_time() + LIFETIMES[purpose],
    )


def person_of_actor(actor: Actor | None) -> Person | None:
    if actor is None or actor.kind is not ActorKind.PERSON:
        return None
    person: Person | None = Person.objects.filter(id=actor.id).first()
    return person


def queue_mail(link: Invitation | PasswordLink, base_url: str) -> bool:
    """Mail the link to its address, if there is a mail server. `base_url`: scheme and host of the pages.

    Part of the caller's transaction. Returns whether a mail was queued.
    """
    if not base_url or not outbox.has_mail_server():
        return False
    kind = JobKind.INVITATION_MAIL if isinstance(link, Invitation) else JobKind.PASSWORD_LINK_MAIL
    outbox.enqueue(kind, {"link": str(link.id), "base_url": base_url}, expires_in=_MAIL_LIFETIME)
    return True


def queue_reset_mail(person: UUID | None, base_url: str) -> None:
    """Mail the person a link to reset their password; nothing for None. The worker makes the link.

    Part of the caller's transaction.
    """
    payload = {"person": str(person) if person else None, "link": str(uuid4()), "base_url": base_url}
    outbox.enqueue(JobKind.PASSWORD_RESET_MAIL, payload, expires_in=_RESET_MAIL_LIFETIME)


def fingerprint(person: Person | None, maker: Person | None) -> str:
    """A keyed digest of what a link depends on."""
    state = "\n\n".join(_state(each) for each in (person, maker))
    return salted_hmac(_SALT, state, algorithm="sha256").hexdigest()


def _state(person: Person | None) -> str:
    if person is None:
        return ""
    memberships: Iterable[Any] = person.memberships.order_by("organisation_id").values_list("organisation_id", "role")
    roles = [f"{organisation} {role}" for organisation, role in memberships]
    return "\n".join([str(person.id), person.email, str(person.is_active), person.system_role, *roles])


def _read(token: str) -> tuple[Invitation | PasswordLink, bool]:
    """The row of a token with a valid signature, and whether the token was mailed."""
    try:
        value = signing.Signer(salt=_SALT).unsign(bytes.fromhex(token[:_MAX_TOKEN_LENGTH]).decode())
        model, is_mailed, link_id, serial = _KINDS[value[0]], value[1] == "m", UUID(value[2:34]), int(value[34:])
    except (signing.BadSignature, ValueError) as error:
        raise NotFoundError from error
    link = model._default_manager.select_related("maker").filter(id=link_id, serial=serial).first()
    if link is None:
        raise LinkEndedError(_("It has been used or ended, or there is a newer one."))
    return link, is_mailed


def _person_of(link: Invitation | PasswordLink) -> Person | None:
    if isinstance(link, PasswordLink):
        return link.person
    person: Person | None = Person.objects.filter(email=link.email).first()
    return person


def _require_open(link: Invitation | PasswordLink, person: Person | None, is_mailed: bool) -> FoundLink:
    if link.expires_at <= audit.database_time():
        raise LinkEndedError(_("It is too old."))
    # The maker of an invitation, who holds a token that was not mailed, learns nothing of the account.
    if person is not None and not person.is_active and (is_mailed or isinstance(link, PasswordLink)):
        raise LinkEndedError(_("This account is deactivated."))
    if isinstance(link, PasswordLink) and is_mailed and is_address_taken(link):
        raise LinkEndedError(_("This email address has an account."))
    current = fingerprint(person if isinstance(link, PasswordLink) else None, link.maker)
    if not constant_time_compare(current, link.fingerprint):
        raise LinkEndedError(_("The account, or the one of the person who made it, has changed since."))
    return FoundLink(link, person, is_mailed)
