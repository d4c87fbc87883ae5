"""People and roles: the list, a person's page, and the dialogs that change a person."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from keyadmin.models import Invitation, Membership, Organisation, Person, Role, SystemRole
from tests.factories import KeyFactory, MembershipFactory, PersonFactory, member_of
from tests.fixtures.clients import SignedIn, SignedInHtmx
from tests.jobs import run_due_jobs
from tests.operations.helpers import latest_event
from tests.web.pages import first_group


def names(html: str) -> list[str]:
    return re.findall(r'class="key-name"[^>]*>([^<]*)<', html)


@pytest.fixture
def shared(northwind: Organisation, contoso: Organisation) -> Person:
    """A person with roles in two organisations."""
    person = member_of(northwind, Role.MEMBER, name="Shared", email="shared@example.com")
    MembershipFactory.create(person=person, organisation=contoso, role=Role.OWNER)
    return person


# The list


def test_list_shows_all_people_by_name_with_roles(
    maya: Person, jonas: Person, sam: Person, signed_in: SignedIn
) -> None:
    html = signed_in(maya).get("/people/").content.decode()
    assert names(html) == ["Jonas Lind", "Maya Okafor", "Sam Reyes"]
    assert "System administrator" in html
    assert "Organisation owner" in html
    assert "1–3 of 3" in html


def test_owner_sees_only_people_and_roles_of_own_organisation(
    jonas: Person, shared: Person, lena: Person, maya: Person, signed_in: SignedIn
) -> None:
    response = signed_in(jonas).get("/people/")
    html = response.content.decode()
    assert names(html) == ["Jonas Lind", "Shared"]
    assert "Contoso" not in html
    assert [[m.role for m in person.visible_memberships] for person in response.context["rows"]] == [
        ["owner"],
        ["member"],
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=reyes", ["Sam Reyes"]),
        ("q=JONAS@", ["Jonas Lind"]),
        ("status=active", ["Jonas Lind"]),
        ("status=invited", ["Maya Okafor", "Sam Reyes", "Shared"]),
        ("status=deactivated", ["Gone"]),
        ("role=owner", ["Jonas Lind", "Shared"]),
        ("role=owner&organisation=northwind", ["Jonas Lind"]),
        ("role=system-administrator", ["Maya Okafor"]),
        ("organisation=contoso", ["Shared"]),
    ],
)
def test_filter_selects_matching_people(
    maya: Person, jonas: Person, sam: Person, shared: Person, signed_in: SignedIn, query: str, expected: list[str]
) -> None:
    client = signed_in(maya)
    Person.objects.filter(id=maya.id).update(last_login=None)
    Person.objects.filter(id=jonas.id).update(last_login=timezone.now())
    PersonFactory.create(name="Gone", deactivated=True)
    assert names(client.get(f"/people/?{query}").content.decode()) == expected


@pytest.mark.parametrize("query", ["q=%00", "role=nonsense", "status=nonsense"])
def test_filter_with_an_unknown_value_is_an_error(maya: Person, signed_in: SignedIn, query: str) -> None:
    response = signed_in(maya).get(f"/people/?{query}")
    assert (response.status_code, names(response.content.decode())) == (422, [])


def test_owner_cannot_filter_by_roles_in_other_organisations(
    jonas: Person, shared: Person, signed_in: SignedIn
) -> None:
    assert names(signed_in(jonas).get("/people/?role=owner").content.decode()) == ["Jonas Lind"]
    assert signed_in(jonas).get("/people/?organisation=contoso").status_code == 404


def test_list_says_that_no_person_matches(maya: Person, signed_in: SignedIn) -> None:
    client = signed_in(maya)
    assert "No person matches “zz”." in client.get("/people/?q=zz").content.decode()
    assert "No person matches these filters." in client.get("/people/?status=deactivated").content.decode()


def test_list_is_paged(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    for number in range(25):
        member_of(northwind, name=f"Person {number:02}")
    client = signed_in(maya)
    html = client.get("/people/?q=person").content.decode()
    assert len(names(html)) == 20
    after = first_group(r'href="([^"]*)" rel="next"', html).replace("&amp;", "&")
    assert names(client.get(after).content.decode()) == [f"Person {number}" for number in range(20, 25)]


def test_htmx_request_gets_rows_and_tabs(maya: Person, htmx: SignedIn) -> None:
    html = htmx(maya).get("/people/?q=maya").content.decode()
    assert html.lstrip().startswith('<div id="people-rows"')
    assert 'id="status-tabs"' in html
    assert "<!doctype" not in html


def test_list_sends_as_many_statements_for_many_people_as_for_few(
    jonas: Person, maya: Person, northwind: Organisation, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    for person in (maya, jonas):
        client = signed_in(person)
        client.get("/people/")
        counts = []
        for more in (2, 40):
            for _ in range(more):
                member_of(northwind)
            with django_assert_max_num_queries(12) as captured:
                assert client.get("/people/?organisation=northwind&q=e").status_code == 200
            counts.append(len(captured))
        assert counts[0] == counts[1]


def test_names_are_escaped(maya: Person, signed_in: SignedIn) -> None:
    evil = "<img src=x onerror=alert(1)>"
    person = PersonFactory.create(name=evil)
    for page in ("", f"{person.id}/", f"{person.id}/deactivate/", f"{person.id}/link/", f"{person.id}/system-role/"):
        html = signed_in(maya).get(f"/people/{page}").content.decode()
        assert "<img src=x" not in html, page
        assert "&lt;img" in html, page


# A person's page


def test_page_shows_roles_and_allowed_actions(jonas: Person, sam: Person, signed_in: SignedIn) -> None:
    html = signed_in(jonas).get(f"/people/{sam.id}/").content.decode()
    for act in ("edit", "link", "deactivate"):
        assert f"/people/{sam.id}/{act}/" in html
    assert f"/people/{sam.id}/system-role/" not in html


def test_owner_may_not_edit_a_person_with_roles_elsewhere(jonas: Person, shared: Person, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    html = client.get(f"/people/{shared.id}/").content.decode()
    assert "Contoso" not in html
    assert f"/people/{shared.id}/roles/" in html
    for act in ("edit", "link", "deactivate"):
        assert f"/people/{shared.id}/{act}/" not in html
        assert client.get(f"/people/{shared.id}/{act}/").status_code == 403
        assert client.post(f"/people/{shared.id}/{act}/").status_code == 403


def test_auditor_sees_no_actions(asha: Person, priya: Person, sam: Person, signed_in: SignedIn) -> None:
    for auditor in (asha, priya):
        for page in ("/people/", f"/people/{sam.id}/"):
            html = signed_in(auditor).get(page).content.decode()
            assert not re.findall(r"/people/(?:invite|[0-9a-f-]{36}/[a-z]+)", html)


def test_unknown_and_unreadable_people_get_the_same_response(jonas: Person, lena: Person, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    for page in ("", "edit/", "deactivate/", "link/", "roles/add/"):
        theirs = client.get(f"/people/{lena.id}/{page}")
        assert (theirs.status_code, theirs.content) == (404, client.get(f"/people/{uuid4()}/{page}").content)


# Acts


def test_edited_person_has_the_new_values(maya: Person, sam: Person, signed_in: SignedIn) -> None:
    response = signed_in(maya).post(f"/people/{sam.id}/edit/", {"name": "Samuel", "email": "s@example.com"})
    assert response["Location"] == f"/people/{sam.id}/"
    sam.refresh_from_db()
    assert (sam.name, sam.email, sam.is_email_verified) == ("Samuel", "s@example.com", False)


@pytest.mark.parametrize("email", ["s@example.com", "lena@contoso.example"])
def test_owner_gets_the_same_answer_for_every_new_address(
    jonas: Person, sam: Person, lena: Person, signed_in: SignedIn, email: str
) -> None:
    client = signed_in(jonas)
    page = client.post(f"/people/{sam.id}/edit/", {"name": "Samuel", "email": email}, follow=True)
    html = page.content.decode()
    assert "We sent a link to the new address." in html
    assert "To change the address" in html, "the open link is listed"
    sam.refresh_from_db()
    assert (sam.name, sam.email) == ("Samuel", "sam@northwind.example")
    run_due_jobs()
    assert [letter.to for letter in mail.outbox] == ([[email]] if email == "s@example.com" else [])


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "", "email": "s@example.com"}, "This field is required."),
        ({"name": "Sam", "email": "jonas@northwind.example"}, "There is already a person with this email."),
        ({"name": "Sam", "email": "no address"}, "Enter a valid email address."),
    ],
)
def test_edit_with_invalid_input_shows_the_error(
    maya: Person, jonas: Person, sam: Person, signed_in: SignedIn, sent: dict[str, str], words: str
) -> None:
    response = signed_in(maya).post(f"/people/{sam.id}/edit/", sent)
    assert response.status_code == 422
    assert words in response.content.decode()


def test_edit_without_changes_says_so(maya: Person, sam: Person, signed_in: SignedIn) -> None:
    response = signed_in(maya).post(f"/people/{sam.id}/edit/", {"name": "Sam Reyes", "email": sam.email})
    assert response.status_code == 200
    assert "No changes to save." in response.content.decode()


def test_owner_changes_and_removes_a_role(
    jonas: Person, sam: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    client, url = signed_in(jonas), f"/people/{sam.id}/roles/{northwind.id}/"
    assert client.post(url, {"role": "auditor"}).status_code == 302
    assert sam.memberships.get().role == Role.AUDITOR
    assert client.post(url, {"role": "king"}).status_code == 422
    assert client.post(f"{url}remove/").status_code == 302
    assert not sam.memberships.exists()
    assert client.get(f"/people/{sam.id}/").status_code == 404


def test_dialogs_of_a_missing_role_are_404(
    jonas: Person, maya: Person, shared: Person, contoso: Organisation, signed_in: SignedIn
) -> None:
    assert signed_in(jonas).post(f"/people/{shared.id}/roles/{contoso.id}/remove/").status_code == 404
    assert signed_in(maya).post(f"/people/{maya.id}/roles/{contoso.id}/", {"role": "owner"}).status_code == 404
    assert Membership.objects.filter(person=shared).count() == 2


def test_administrator_invites_to_another_organisation(
    maya: Person, sam: Person, contoso: Organisation, signed_in: SignedIn
) -> None:
    url = f"/people/{sam.id}/roles/add/"
    html = signed_in(maya).get(url).content.decode()
    assert "Contoso" in html
    assert ">Northwind</option>" not in html
    sent = {"organisation": str(contoso.id), "role": "auditor"}
    assert signed_in(maya).post(url, sent).status_code == 302
    assert not sam.memberships.filter(organisation=contoso).exists()
    invited = Invitation.objects.get()
    assert (invited.email, invited.organisation, invited.role) == (sam.email, contoso, Role.AUDITOR)


def test_administrator_gives_an_unverified_person_no_system_role(
    maya: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    person = member_of(northwind, unverified=True)
    response = signed_in(maya).post(f"/people/{person.id}/system-role/", {"system_role": "administrator"})
    assert response.status_code == 422
    assert "is not verified" in response.content.decode()


def test_owner_may_not_add_a_role_in_another_organisation(
    jonas: Person, sam: Person, contoso: Organisation, signed_in: SignedIn
) -> None:
    sent = {"organisation": str(contoso.id), "role": "owner"}
    assert signed_in(jonas).post(f"/people/{sam.id}/roles/add/", sent).status_code == 403


def test_administrator_changes_a_system_role(maya: Person, sam: Person, jonas: Person, signed_in: SignedIn) -> None:
    url = f"/people/{sam.id}/system-role/"
    assert signed_in(maya).post(url, {"system_role": "auditor"}).status_code == 302
    assert Person.objects.get(id=sam.id).system_role == SystemRole.AUDITOR
    assert signed_in(jonas).post(url, {"system_role": "administrator"}).status_code == 403
    assert signed_in(maya).post(url, {"system_role": "king"}).status_code == 422


def test_last_administrator_keeps_the_role(maya: Person, signed_in: SignedIn) -> None:
    words = "Maya Okafor is the last system administrator. Give this role to another person first."
    client = signed_in(maya)
    assert words in client.get(f"/people/{maya.id}/deactivate/").content.decode()
    for act, sent in (("deactivate", {}), ("system-role", {"system_role": ""})):
        response = client.post(f"/people/{maya.id}/{act}/", sent)
        assert response.status_code == 422
        assert words in response.content.decode()
    maya.refresh_from_db()
    assert (maya.is_active, maya.system_role) == (True, SystemRole.ADMINISTRATOR)


def test_deactivation_ends_sessions_immediately(jonas: Person, sam: Person, maya: Person, signed_in: SignedIn) -> None:
    theirs = signed_in(sam)
    assert theirs.get("/profile/").status_code == 200
    assert signed_in(jonas).post(f"/people/{sam.id}/deactivate/").status_code == 302
    assert theirs.get("/profile/").status_code == 302
    assert latest_event().type == "person.deactivated"
    assert signed_in(jonas).get(f"/people/{sam.id}/deactivate/").status_code == 409
    assert signed_in(jonas).post(f"/people/{sam.id}/reactivate/").status_code == 302
    assert signed_in(jonas).post(f"/people/{sam.id}/reactivate/").status_code == 409


def test_deactivate_dialog_counts_the_persons_keys(
    maya: Person, jonas: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    for inherits in (False, False, False, True):
        KeyFactory.create(organisation=northwind, creator=jonas, inherits=inherits)
    KeyFactory.create(organisation=northwind, creator=jonas, revoked=True)
    html = signed_in(maya).get(f"/people/{jonas.id}/deactivate/").content.decode()
    assert "<b>3 keys that they created keep working</b>; see the review report." in html
    assert "1 of their keys has full access and loses all permissions." in html
    html = signed_in(maya).get(f"/people/{jonas.id}/roles/{northwind.id}/remove/").content.decode()
    assert "<b>3 keys that they created keep working</b>" in html


def test_dialog_reloads_the_page_it_was_opened_from(maya: Person, sam: Person, htmx: SignedInHtmx) -> None:
    client = htmx(maya)
    for behind, act in (("/people/?q=sam", "deactivate"), (f"/people/{sam.id}/", "reactivate")):
        client.set_current_url(behind)
        assert client.post(f"/people/{sam.id}/{act}/")["HX-Refresh"] == "true"
    client.set_current_url("/keys/")
    assert client.post(f"/people/{sam.id}/deactivate/")["HX-Redirect"] == f"/people/{sam.id}/"


def test_dialog_of_an_ended_session_is_answered_401(maya: Person, sam: Person, htmx: SignedInHtmx) -> None:
    client = htmx(maya)
    client.set_current_url("/people/?q=sam")
    client.logout()
    response = client.post(f"/people/{sam.id}/deactivate/")
    assert response.status_code == 401, "static/js opens the sign-in over the dialog, which keeps what was typed"
    assert Person.objects.get(id=sam.id).is_active


def test_post_without_csrf_token_changes_nothing(maya: Person, sam: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(maya, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(f"/people/{sam.id}/deactivate/").status_code == 403
    assert Person.objects.get(id=sam.id).is_active
