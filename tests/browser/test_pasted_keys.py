"""A whole key that is pasted into a search: no request and no URL contains its secret."""

import pytest
from playwright.sync_api import Page, expect

from keyadmin.core import tokens
from keyadmin.core.tokens import KeyFormat
from keyadmin.models import Key
from tests.browser.demo import Demo
from tests.browser.scenes import modal, open_list


@pytest.mark.parametrize("form", ["whole", "split", "encoded", "compact"])
def test_secret_of_a_pasted_key_is_never_sent(page: Page, demo: Demo, form: str) -> None:
    demo.add_rows()
    key = Key.objects.filter(organisation__slug="northwind", key_id__isnull=False).order_by("name")[0]
    token = tokens.mint(key.prefix, key_id=key.key_id)
    if form == "compact":
        token = tokens.mint("whm", KeyFormat.COMPACT)
        key.key_id, key.prefix, key.format, key.recognition = None, "whm", "compact", token.recognition
        key.save()
    value = token.value
    text = {"split": f"{value[:30]} {value[30:]}", "encoded": value.replace("_", "%5F")}.get(form, value)
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url + (request.post_data or "")))
    open_list(page)
    page.get_by_role("searchbox", name="Search keys").fill(text)
    answer = page.get_by_role("region", name="Pasted key")
    expect(answer).to_contain_text(f"We removed the secret from what you pasted. The key is {key.name}.")
    secret = token.secret if form != "compact" else token.secret[8:]
    for url in [*urls, page.url, page.content()]:
        assert secret[:12] not in url
        assert secret[-12:] not in url
    answer.get_by_role("link", name="Revoke…").click()
    expect(modal(page)).to_contain_text(key.name)
