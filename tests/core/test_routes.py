"""Routes: the most specific one applies, in any order; ambiguous paths are not canonical."""

from itertools import product
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyadmin.core import routes
from keyadmin.core.routes import ChannelFrom, Match, Route, RouteError

anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)

# A few words only, so that patterns and paths meet often.
words = st.sampled_from(["a", "b", "c"])
methods = st.sampled_from(["GET", "HEAD", "POST"])
paths = st.lists(words, max_size=4).map(lambda segments: "/" + "/".join(segments))


@st.composite
def any_route(draw):
    segments = draw(st.lists(st.one_of(words, st.sampled_from(["*", "{id}", "{channel}"])), max_size=4))
    segments = [s for i, s in enumerate(segments) if s in ("a", "b", "c", "*") or s not in segments[:i]]
    if draw(st.booleans()):
        segments.append("**")
    sources: tuple[ChannelFrom, ...] = ("path",) if "{channel}" in segments else ("", "header")
    scopes = st.sampled_from(["x", "y", "z"])
    return Route(draw(methods), "/" + "/".join(segments), draw(scopes), draw(st.sampled_from(sources)))


def get(method):
    return "GET" if method == "HEAD" else method


def ranks(route):
    """The pattern's segments by specificity: 0 for literal, 1 for one segment, 2 for the rest."""
    return [(2, "") if s == "**" else (1, "") if s[0] in "*{" else (0, s) for s in route.pattern.split("/")[1:] if s]


def fits(route, method, segments):
    shape = ranks(route)
    if shape and shape[-1][0] == 2:
        if len(segments) < len(shape):
            return False
        segments, shape = segments[: len(shape) - 1], shape[:-1]
    return (
        get(route.method) == get(method)
        and len(segments) == len(shape)
        and all(rank or word == segment for (rank, word), segment in zip(shape, segments, strict=True))
    )


def model(listed, method, path):
    """The expected match by a simple model: scopes, channel rule, possible channels."""
    segments = [segment for segment in path.split("/") if segment]
    fitting = [route for route in listed if fits(route, method, segments)]
    if not fitting:
        return None
    best = min(ranks(route) for route in fitting)
    merged = [route for route in fitting if ranks(route) == best]
    rule = max((route.channel_from for route in merged), key=["", "header", "path"].index)
    named = [route.pattern.split("/")[1:].index("{channel}") for route in merged if route.channel_from == "path"]
    return {route.scope for route in merged}, rule, {segments[i] for i in named} or {None}


@given(listed=st.lists(any_route(), max_size=12), method=methods, path=paths, slash=st.booleans())
def test_match_agrees_with_a_simple_model(listed, method, path, slash):
    found = routes.compile_table(listed).match(method, path + "/" if slash and path != "/" else path)
    expected = model(listed, method, path)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert (found.scopes, found.channel_from) == expected[:2]
        assert found.channel in expected[2]
        segments = [segment for segment in path.split("/") if segment]
        assert found.pattern in {route.pattern for route in listed if fits(route, method, segments)}


@given(listed=st.lists(any_route(), max_size=8), method=methods, path=paths, data=st.data())
def test_order_of_routes_does_not_matter(listed, method, path, data):
    shuffled = data.draw(st.permutations(listed))
    assert routes.compile_table(listed).match(method, path) == routes.compile_table(shuffled).match(method, path)


@pytest.mark.parametrize(
    "listed",
    [
        [Route("GET", "/*/a", "x"), Route("GET", "/{id}/a", "y")],
        [Route("GET", "/{channel}/*", "x", "path"), Route("GET", "/*/{channel}", "y", "path")],
    ],
)
def test_order_of_routes_for_the_same_paths_does_not_matter(listed):
    assert routes.compile_table(listed).match("GET", "/b/a") == routes.compile_table(reversed(listed)).match(
        "GET", "/b/a"
    )


def match(patterns, path, method="GET"):
    """The pattern that matches the path."""
    found = routes.compile_table(Route("GET", pattern, "s") for pattern in patterns).match(method, path)
    return found and found.pattern


@pytest.mark.parametrize(
    ("patterns", "path", "chosen"),
    [
        (["/a/b", "/a/*", "/a/**"], "/a/b", "/a/b"),
        (["/a/b", "/a/*", "/a/**"], "/a/c", "/a/*"),
        (["/a/b", "/a/*", "/a/**"], "/a/c/d", "/a/**"),
        (["/a/**", "/*/b/c"], "/a/b/c", "/a/**"),
        (["/a/b/c", "/a/*/d"], "/a/b/d", "/a/*/d"),
        (["/a/b/c", "/**"], "/a/b/d", "/**"),
        (["/*/{id}"], "/a/b", "/*/{id}"),
        (["/"], "/", "/"),
        (["/a/"], "/a", "/a/"),
        (["/a"], "/a/", "/a"),
        (["/a:export"], "/a%3Aexport", "/a:export"),
        (["/a/**"], "/a", None),
        (["/a/**"], "/a/", None),
        (["/**"], "/", None),
        (["/a/*"], "/a", None),
        (["/a/*"], "/a/b/c", None),
        (["/a"], "/A", None),
        (["/a/*/b", "/a/**"], "/a//b", None),
        (["/**", "/*"], "//", None),
        (["/**", "/*", "/"], "", None),
        (["/**", "/*", "/a"], "a", None),
        ([], "/a", None),
    ],
)
def test_most_specific_pattern_is_chosen(patterns, path, chosen):
    assert match(patterns, path) == chosen
    assert match(reversed(patterns), path) == chosen


def test_any_scope_of_the_same_route_opens_it():
    table = routes.compile_table([Route("GET", "/a", "x"), Route("HEAD", "/a", "y"), Route("POST", "/a", "z")])
    assert table.match("GET", "/a") == Match(frozenset({"x", "y"}), "/a", None, "")
    assert table.match("HEAD", "/a") == table.match("GET", "/a")
    assert table.match("POST", "/a") == Match(frozenset({"z"}), "/a", None, "")


@pytest.mark.parametrize("method", ["PUT", "get", "TRACE", "", "GET ", "\udcff"])
def test_another_method_matches_nothing(method):
    assert match(["/a", "/**"], "/a", method) is None


def test_more_specific_path_of_another_method_does_not_hide_a_route():
    table = routes.compile_table([Route("POST", "/a/b", "x"), Route("GET", "/a/*", "y")])
    assert table.match("GET", "/a/b") == Match(frozenset({"y"}), "/a/*", None, "")


def test_path_names_the_channel():
    table = routes.compile_table([Route("POST", "/a/{channel}/b/**", "x", "path"), Route("POST", "/a", "x", "header")])
    assert table.match("POST", "/a/sms/b/c") == Match(frozenset({"x"}), "/a/{channel}/b/**", "sms", "path")
    escaped = table.match("POST", "/a/web%20chat/b/c")
    assert escaped
    assert escaped.channel == "web chat"
    assert table.match("POST", "/a") == Match(frozenset({"x"}), "/a", None, "header")


def test_stricter_channel_rule_of_one_path_applies():
    table = routes.compile_table([Route("GET", "/a/*", "x"), Route("GET", "/a/{channel}", "y", "path")])
    assert table.match("GET", "/a/sms") == Match(frozenset({"x", "y"}), "/a/{channel}", "sms", "path")


@settings(max_examples=100)
@given(one=any_route(), other=any_route())
def test_routes_overlap_if_a_call_matches_both(one, other):
    every = [segments for length in range(6) for segments in product("abc", repeat=length)]
    expected = any(fits(one, one.method, path) and fits(other, one.method, path) for path in every)
    assert routes.overlaps(one, other) == routes.overlaps(other, one) == expected


@pytest.mark.parametrize(
    "route",
    [
        *(Route("GET", pattern, "s") for pattern in ["", "a", "//", "/a//b", "/**/a", "/a**", "/*a", "/{}", "/{A}"]),
        *(
            Route("GET", pattern, "s")
            for pattern in ["/{a}b", "/{a}/{a}", "/a?b", "/a%20b", "/é", "/..", "/./a", "/a b"]
        ),
        *(
            Route("GET", pattern, "s")
            for pattern in ["/a;b", "/a\n", "/a\\b", "/***", "/a#", "/{channel}", "/{channel}/**"]
        ),
        *(Route(method, "/a", "s") for method in ["", "get", "*", "GET,POST", "GET\n"]),
        Route("GET", "/a/*", "s", "path"),
        Route("GET", "/{channel}", "s", "header"),
        Route("GET", "/{channel}/{channel}", "s", "path"),
    ],
)
def test_invalid_route_raises(route):
    with pytest.raises(RouteError):
        routes.compile_table([route])


@given(listed=st.lists(any_route(), max_size=8), method=anything, path=anything)
def test_match_never_raises(listed, method, path):
    table = routes.compile_table(listed)
    table.match(method, path)
    table.match("GET", "/" + path)


def test_path_of_a_hundred_kilobytes_is_matched():
    assert match(["/a/**", "/a/*/b"], "/a" * 50_000) == "/a/**"
    assert match(["/a/**"], "/" * 100_000) is None
    assert routes.is_canonical("/a" * 50_000)


@pytest.mark.parametrize(
    "path",
    [
        *["/", "/a", "/a/", "/a/b", "/a.b", "/.well-known/x", "/a..b", "/...", "/a:b@c!$&'()*+,=~_-"],
        *["/é", "/a b", "/a%20b", "/maya%40northwind.example", "/%2B46701234567", "/%C3%A9"],
        *["/%e2%82%ac", "/a%3Ab", "/%F0%9F%94%91", "/%22%3C%3E%5B%5D%5E%60%7B%7C%7D", "/%21%24%26%27%28%29%2A%2C%3D"],
        *["/€/%E2%82%AC", "/a½", "/日本"],
    ],
)
def test_unambiguous_path_is_canonical(path):
    assert routes.is_canonical(path)


@pytest.mark.parametrize(
    "path",
    [
        *["", "a", "*", "http://x/", "//", "//a", "/a//b", "/a//", "/.", "/..", "/./a", "/../a"],
        *["/a/.", "/a/..", "/a/../b", "/a%2fb", "/a%2Fb", "/a%5cb", "/a%5Cb", "/a\\b", "/a;b"],
        *["/a%3bb", "/a%3Bb", "/..;/a", "/a?b", "/a#b", "/%2e", "/%2E%2e/a", "/.%2e/a", "/%252e"],
        *["/%25", "/%61dmin", "/%41", "/%30", "/%2d", "/%5f", "/%7e", "/%7A", "/a\x00", "/a\n"],
        *["/\x7f", "/\x85", "/%00", "/%0a", "/%1F", "/%7f", "/%C2%85", "/%", "/%2", "/%zz", "/a%"],
        *["/%c0%ae", "/%c0%af", "/%e0%80%af", "/%ff", "/%C3", "/%ed%a0%80"],
        *["/a%3fb", "/a%3Fb", "/%3f", "/a%23b", "/a/%23", "/a%3F/../b", "/\ud800", "/%ED%B2%80"],
        # They become /, \\, ;, ?, #, % and dots when a server normalises Unicode.
        *["/a%EF%BC%8Fb", "/a%EF%BC%BCb", "/a%EF%BC%9Bb", "/a%EF%BC%9Fb", "/a%EF%BC%83b", "/%EF%BC%852e"],
        *["/%E2%80%A5/a", "/%EF%BC%8E%EF%BC%8E/a", "/a/%E2%84%80", "/／", "/﹨"],
    ],
)
def test_ambiguous_path_is_not_canonical(path):
    assert not routes.is_canonical(path)


@given(path=anything)
def test_canonical_never_raises(path):
    assert routes.is_canonical(path) in (True, False)
    assert routes.is_canonical("/%" + path) in (True, False)


@given(path=st.text("./%;\\\x00a23feEF5cC", max_size=12).map(lambda text: "/" + text))
def test_canonical_path_is_unambiguous_when_decoded(path):
    if routes.is_canonical(path):
        decoded = unquote(path)
        assert not set(decoded) & set(";\\\x00%?#")
        assert decoded.count("/") == path.count("/")
        assert not {".", "..", ""} & set(decoded.removesuffix("/").split("/")[1:])
