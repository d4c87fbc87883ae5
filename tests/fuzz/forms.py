"""The forms, the other requests of htmx and the links of a page, read from its HTML."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from random import Random
from urllib.parse import urljoin, urlsplit

from tests.fuzz import values

type Pairs = list[tuple[str, str]]
type Attributes = dict[str, str]


@dataclass
class Field:
    """A field of a form.

    `options` are the values of a radio group, a list of checkboxes or a select; `chosen` those of them that are chosen,
    and the values of hidden fields of this name.
    """

    name: str
    kind: str
    value: str = ""
    options: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    #: What the person must type to confirm.
    confirm: str | None = None
    low: int = 1
    high: int = 500


@dataclass
class Form:
    """A form, or an element that posts the fields of the form around it. `action` is a path with its query."""

    action: str
    method: str = "post"
    id: str = ""
    fields: dict[str, Field] = field(default_factory=dict)

    def fill(self, random: Random, hostile: float) -> Pairs:
        """What a browser could send. Each field has a hostile value in `hostile` of 100 cases."""
        pairs: Pairs = []
        changed = random.choice((15, 60))
        for each in self.fields.values():
            if values.is_hit(random, hostile) and each.name != "csrfmiddlewaretoken":
                pairs.append((each.name, values.hostile_text(random)))
            else:
                pairs += [(each.name, value) for value in _valid_values(random, each, changed)]
        return pairs


@dataclass
class Markup:
    forms: list[Form]
    #: Paths with query that links and htmx's GET requests of the page lead to.
    links: list[str]


def read(html: str, path: str) -> Markup:
    """What is on the page at this path."""
    parser = _Parser(path)
    parser.feed(html)
    parser.close()
    return Markup(parser.all_forms(), parser.links)


def _valid_values(random: Random, of: Field, changed: float) -> list[str]:
    """Values that a person could send. They differ from those on the page in `changed` of 100 cases."""
    match of.kind:
        case "hidden":
            return of.chosen
        case "radio" | "select":
            return [random.choice(of.options)] if of.options and values.is_hit(random, changed) else of.chosen[:1]
        case "checkbox" | "multiple":
            chosen = random.sample(of.options, random.randint(0, len(of.options)))
            return chosen if values.is_hit(random, changed) else of.chosen
        case "button":
            return [of.value] if values.is_hit(random, 40) else []
        case "number" if values.is_hit(random, changed) or not of.value:
            return [str(values.number(random, of.low, of.high))]
    if of.confirm is not None:
        return [of.confirm]
    if of.value and not values.is_hit(random, changed):
        return [of.value]
    return [values.valid_text(random, of.name)]


class _Parser(HTMLParser):
    def __init__(self, path: str) -> None:
        super().__init__(convert_charrefs=True)
        self.path = path
        self.links: list[str] = []
        self._forms: list[Form] = []
        self._current: Form | None = None
        self._loose = Form(path)
        self._posts: list[tuple[str, Form, Attributes, str]] = []
        self._foreign: list[tuple[str, str, Attributes]] = []
        self._select: Field | None = None
        self._textarea: Field | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {key: value or "" for key, value in attrs}
        for key in ("href", "hx-get"):
            if key in attributes and (link := self._own(attributes[key])):
                self.links.append(link)
        if tag == "form":
            method = attributes.get("method", "get").lower()
            self._current = Form(self._own(attributes.get("action", "")) or self.path, method, attributes.get("id", ""))
            self._forms.append(self._current)
        if "hx-post" in attributes and (url := self._own(attributes["hx-post"])):
            self._posts.append((url, self._current or self._loose, attributes, tag))
        if tag in ("input", "select", "textarea", "button") and attributes.get("name"):
            owner = attributes.get("form")
            if owner is not None:
                self._foreign.append((owner, tag, attributes))
            else:
                self._add(self._current or self._loose, tag, attributes)
        if tag == "option" and self._select is not None:
            self._select.options.append(attributes.get("value", ""))
            if "selected" in attributes:
                self._select.chosen.append(attributes.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._current = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._textarea.value += data

    def all_forms(self) -> list[Form]:
        for owner, tag, attributes in self._foreign:
            for form in self._forms:
                if form.id == owner:
                    self._add(form, tag, attributes)
        others = []
        for url, around, attributes, tag in self._posts:
            fields = {} if tag == "form" else dict(around.fields)
            if tag == "form":
                fields = self._forms_at(url)
            for key, value in _json_object(attributes.get("hx-vals", "")).items():
                fields[key] = Field(key, "hidden", str(value), chosen=[str(value)])
            others.append(Form(url, "post", "", fields))
        known = {form.action for form in self._forms if form.method == "post"}
        return self._forms + [form for form in others if form.action not in known]

    def _forms_at(self, url: str) -> dict[str, Field]:
        return next((form.fields for form in self._forms if form.action == url), {})

    def _add(self, form: Form, tag: str, attributes: Attributes) -> None:
        name, kind, value = attributes["name"], attributes.get("type", "text"), attributes.get("value", "")
        if tag == "select":
            self._select = Field(name, "multiple" if "multiple" in attributes else "select")
            form.fields[name] = self._select
            return
        if tag == "textarea":
            self._textarea = form.fields[name] = Field(name, "textarea")
            return
        kind = "button" if tag == "button" else kind
        if kind in ("radio", "checkbox"):
            known = form.fields.setdefault(name, Field(name, kind))
            known.options.append(value or "on")
            if "checked" in attributes:
                known.chosen.append(value or "on")
            return
        if kind == "hidden":
            form.fields.setdefault(name, Field(name, kind, value)).chosen.append(value)
            return
        low, high = _number(attributes.get("min"), 1), _number(attributes.get("max"), 500)
        form.fields.setdefault(
            name, Field(name, kind, value, confirm=attributes.get("data-confirm"), low=low, high=high)
        )

    def _own(self, url: str) -> str | None:
        """The path and query of a URL of this site; None for another one."""
        parts = urlsplit(urljoin(f"http://testserver{self.path}", url))
        if parts.netloc != "testserver" or parts.path.startswith("/static/"):
            return None
        return parts.path + (f"?{parts.query}" if parts.query else "")


def _json_object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.lstrip("-").isdecimal() else default
