"""URLs of the pages. Each subject has a urls.py; subjects with one or two pages are listed here."""

from django.urls import include, path

from keyadmin.web.allow_lists import reports
from keyadmin.web.api_docs import views as api_docs
from keyadmin.web.explain import views as explain
from keyadmin.web.organisations import settings
from keyadmin.web.organisations import views as organisations
from keyadmin.web.overview import views as overview
from keyadmin.web.usage import views as usage

security_urls = [
    path("public-keys/", reports.public_keys, name="public-keys"),
    path("allow-lists/", reports.allow_lists, name="allow-lists"),
]

urlpatterns = [
    path("", overview.home, name="home"),
    path("usage/", usage.page, name="usage"),
    path("explain/", explain.page, name="explain"),
    path("explain/keys/", explain.find_keys, name="explain-keys"),
    path("keys/", include("keyadmin.web.keys.urls")),
    path("bots/", include("keyadmin.web.bots.urls")),
    path("switcher/", organisations.switcher, name="switcher"),
    path("organisations/", include("keyadmin.web.organisations.urls")),
    path("security/", include((security_urls, "security"))),
    path("", include("keyadmin.web.allow_lists.urls")),
    path("history/", include("keyadmin.web.history.urls")),
    path("review/", include("keyadmin.web.review.urls")),
    path("people/", include("keyadmin.web.people.urls")),
    path("", include("keyadmin.web.catalogue.urls")),
    path("settings/", settings.edit, name="settings"),
    path("api-docs/token/", api_docs.issue_token, name="api-docs-token"),
    path("", include("keyadmin.web.account.urls")),
]
