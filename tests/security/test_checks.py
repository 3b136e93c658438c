"""One test for each id, and the way in which each is put right. The ids E001 and E002 are in tests/test_checks.py."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.test import override_settings
from django.urls import include, path, re_path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.views import (
    WebSocketCheckView,
    WebSocketHistoryView,
    WebSocketTokenView,
    handler,
)
from tests.views import ExampleView

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED_CACHE = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://cache"}}


@pytest.fixture(autouse=True)
def _persistent_connections(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)


def found(databases=(), **kwargs):
    return sorted({message.id for message in run_checks(tags=["websockets"], databases=databases, **kwargs)})


@pytest.fixture
def urls(settings):
    """Makes these the site's URLs."""

    def use(*patterns):
        module = sys.modules["tests.security.made_up_urls"] = ModuleType("made_up_urls")
        module.urlpatterns = list(patterns)
        settings.ROOT_URLCONF = "tests.security.made_up_urls"

    yield use
    sys.modules.pop("tests.security.made_up_urls", None)


class WithOrigins(ExampleView):
    allowed_origins = ["https://partner.example/"]


class WithStar(ExampleView):
    allowed_origins = ["*"]


def test_the_test_site_is_fine(settings):
    settings.CACHES = SHARED_CACHE
    assert found() == []
    assert found(include_deployment_checks=True) == []


@pytest.mark.django_db  # Django 6.1's own checks ask the database what it is able to.
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MESSAGES_PER_CONNECTION", "many"),
        ("CONNECTS_PER_IP", 100),
        ("CONNECTS_PER_USER", ""),
        ("CONNECT_TOKEN_MAX_AGE", 0),
        ("MAX_JSON_DEPTH", "64"),
        ("ACTIVITY_INTERVAL", "60"),
        ("ACTIVITY_INTERVAL", None),
        ("ACTIVITY_INTERVAL", -1),
        ("PRESENCE_GRACE", "15"),
        ("ALLOWED_TARGET_HOSTS", "www.example.com"),
        ("LOCAL_GATEWAY", "127.0.0.1:8001"),
        ("LOCAL_GATEWAY", "http://127.0.0.1:99999"),
        ("LOCAL_GATEWAY", None),
    ],
)
def test_e003_a_value_that_nothing_can_work_with(key, value):
    with override_settings(WEBSOCKETS={key: value}):
        assert found() == ["websockets.E003"]
        with pytest.raises(SystemCheckError, match=key):
            call_command("check")


@pytest.mark.parametrize("name", ["", "names", "no.such.function", None])
def test_e009_presence_user_cannot_be_imported(name):
    with override_settings(WEBSOCKETS={"PRESENCE_USER": name}):
        assert found() == ["websockets.E009"]
        hints = [message.hint for message in run_checks(tags=["websockets"], databases=())]
        assert hints[0].startswith("Correct the path, or remove PRESENCE_USER")


@pytest.mark.parametrize("patterns", ["room-*", [None], ["*" + "?" * 16], ["lobby", "room-{user_pk}"]])
def test_e009_presence_channels_that_match_nothing(patterns):
    with override_settings(WEBSOCKETS={"PRESENCE_CHANNELS": patterns}):
        assert found() == ["websockets.E009"]


@pytest.mark.parametrize("origin", ["example.com", "https://example.com/path", "https://exa mple", "https://a.*.com"])
def test_e004_an_origin_that_is_none(origin, urls):
    with override_settings(WEBSOCKETS={"ALLOWED_ORIGINS": [origin]}):
        assert found() == ["websockets.E004"]
    with override_settings(WEBSOCKETS={"ALLOWED_ORIGINS": ["https://example.com", "https://*.example.com:8443"]}):
        assert found() == []


@pytest.mark.parametrize("origins", [None, "https://a.example", "*", 5, {"https://a.example": True}])
def test_e004_origins_that_are_no_list_are_one_error(origins, urls):
    def errors():
        return [(error.id, error.msg) for error in run_checks(tags=["websockets"], databases=())]

    with override_settings(WEBSOCKETS={"ALLOWED_ORIGINS": origins}):
        assert errors() == [("websockets.E004", f"WEBSOCKETS['ALLOWED_ORIGINS'] is {origins!r}, not a list.")]
    urls(path("ws/<slug:route>", ExampleView.as_view(allowed_origins=origins)))
    where = "allowed_origins of ExampleView under 'ws/<slug:route>'"
    assert errors() == ([] if origins is None else [("websockets.E004", f"{where} is {origins!r}, not a list.")])


def test_e004_on_a_view(urls):
    urls(path("ws/<slug:route>", WithOrigins.as_view()))
    assert found() == ["websockets.E004"]
    urls(path("ws/<slug:route>", WithOrigins.as_view(allowed_origins=["https://partner.example"])))
    assert found() == []
    urls(path("ws/<slug:route>", never_cache(ExampleView.as_view(allowed_origins=["partner.example"]))))
    assert found() == ["websockets.E004"]


def test_origins_computed_per_request_are_not_checked(urls):
    class AskingView(ExampleView):
        allowed_origins = property(lambda self: ["https://partner.example"])

    urls(path("ws/<slug:route>", AskingView.as_view()))
    assert found() == []


@pytest.mark.parametrize("alias", ["shared", ["default"], None])
def test_e005_a_cache_that_is_not_there(alias):
    with override_settings(WEBSOCKETS={"CACHE": alias}):
        assert found() == ["websockets.E005"]
        assert found(include_deployment_checks=True) == ["websockets.E005"]


def test_e006_a_url_without_route(urls):
    urls(path("ws/", include([path("events", ExampleView.as_view())])))
    assert found() == ["websockets.E006"]
    urls(
        path("ws/<slug:route>", include([path("", ExampleView.as_view())])),
        re_path("^x/(?P<route>.+)$", ExampleView.as_view()),
    )
    assert found() == []


def test_e007_a_handler_that_no_message_can_reach(urls):
    class TwiceView(ExampleView):
        @handler("test")
        def other(self, request, **kwargs): ...

    urls(path("ws/<slug:route>", TwiceView.as_view()), path("again/<slug:route>", TwiceView.as_view()))
    assert [message.msg for message in run_checks(tags=["websockets"], databases=())] == [
        "TwiceView has two handlers for 'test': other and test."
    ]
    assert found() == ["websockets.E007"]


@pytest.mark.django_db
@pytest.mark.parametrize("page", [WebSocketHistoryView, WebSocketCheckView])
def test_e010_a_page_view_without_the_arguments_of_the_socket(urls, page):
    pages = path("page/", page.as_view(socket_view=ExampleView))
    urls(path("ws/<slug:route>", ExampleView.as_view(login_required=True, debug=True)), pages)
    (error,) = run_checks(tags=["websockets"], databases=())
    assert error.id == "websockets.E010"
    assert f"{page.__name__} under 'page/' does not apply login_required, which" in error.msg
    members = type("MembersView", (ExampleView,), {"login_required": True})
    urls(
        path("ws/<slug:route>", members.as_view(debug=True)),
        path("open/<slug:route>", ExampleView.as_view()),
        path("page/", page.as_view(socket_view=members)),
    )
    assert found() == []


def test_w001_no_url(urls, settings):
    urls()
    assert found() == ["websockets.W001"]
    del settings.ROOT_URLCONF  # as in the settings of a worker
    call_command("check")
    assert found(include_deployment_checks=True) == ["websockets.W001", "websockets.W013"]


@pytest.mark.parametrize(
    "mount", [path("ws/<slug:route>/", ExampleView.as_view()), re_path("^ws/(?P<route>.+)/$", ExampleView.as_view())]
)
def test_w002_a_slash_at_the_end(urls, mount):
    urls(mount)
    assert found() == ["websockets.W002"]


def test_w003_a_decorator_in_the_way(urls, settings):
    urls(path("ws/<slug:route>", csrf_protect(ExampleView.as_view())))
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert found() == []  # as Django's own middleware would see it: still exempt
    mounted = ExampleView.as_view()
    mounted.login_required = True
    urls(path("ws/<slug:route>", mounted))
    assert found() == ["websockets.W003"]
    mounted.login_required = False
    mounted.csrf_exempt = False
    assert found() == ["websockets.W003"]


@pytest.mark.parametrize("decorate", [login_required, permission_required("auth.view_user"), never_cache])
def test_w003_a_decorator_that_asks_for_a_login(urls, decorate):
    urls(path("ws/<slug:route>", never_cache(decorate(ExampleView.as_view()))))
    assert found() == ([] if decorate is never_cache else ["websockets.W003"])


def test_w003_djangos_own_mixins_and_method_decorators_are_fine(urls):
    class MixedView(LoginRequiredMixin, ExampleView):
        pass

    decorated = method_decorator(login_required, name="dispatch")(type("DecoratedView", (ExampleView,), {}))
    urls(path("a/<slug:route>", MixedView.as_view()), path("b/<slug:route>", decorated.as_view()))
    assert found() == []


@pytest.mark.parametrize(
    ("check", "options"),
    [
        ("websockets.W010", {"REQUIRE_SECRET": False}),
        ("websockets.W011", {"ALLOWED_ORIGINS": ["*"]}),
        ("websockets.W012", {"REQUIRE_ORIGIN": False}),
        ("websockets.W014", {"ALLOWED_TARGET_HOSTS": ["*"]}),
    ],
)
def test_w010_w011_w012_w014_only_with_deploy(check, options, settings):
    settings.CACHES = SHARED_CACHE
    settings.WEBSOCKETS = options
    assert found() == []
    assert found(include_deployment_checks=True) == [check]


def test_w010_is_silent_while_debug_is_on(settings):
    settings.CACHES = SHARED_CACHE
    settings.WEBSOCKETS, settings.DEBUG = {"REQUIRE_SECRET": False}, True
    assert found(include_deployment_checks=True) == []


@pytest.mark.parametrize(
    ("view", "options", "expected"),
    [
        (WithStar, {}, ["websockets.W011"]),
        (ExampleView, {"allowed_origins": ("*",)}, ["websockets.W011"]),
        (WithStar, {"allowed_origins": []}, []),
    ],
)
def test_w011_on_a_view(urls, settings, view, options, expected):
    settings.CACHES = SHARED_CACHE
    urls(path("ws/<slug:route>", view.as_view(**options)))
    assert found(include_deployment_checks=True) == expected


class OwnLocMemCache(LocMemCache):
    pass


@pytest.mark.parametrize(
    "backend",
    [
        "django.core.cache.backends.locmem.LocMemCache",
        "django.core.cache.backends.dummy.DummyCache",
        "django.core.cache.backends.filebased.FileBasedCache",
        "django.core.cache.backends.db.DatabaseCache",
        f"{__name__}.OwnLocMemCache",
    ],
)
def test_w013_a_cache_that_is_not_shared_culls_or_is_not_atomic(backend, settings, urls, tmp_path):
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path)}}
    assert found(include_deployment_checks=True) == ["websockets.W013"]
    settings.WEBSOCKETS = {"CONNECTS_PER_IP": None, "CONNECTS_PER_USER": None, "MESSAGES_PER_CONNECTION": None}
    assert found(include_deployment_checks=True) == []
    urls(path("ws/<slug:route>", ExampleView.as_view()), path("token/", WebSocketTokenView.as_view()))
    assert found(include_deployment_checks=True) == ["websockets.W013"]


@pytest.fixture
def on_database(gateway):
    def change(**values):
        ApiGateway.objects.filter(pk=gateway.pk).update(**values)
        return found(databases=["default"])

    return change


@pytest.mark.parametrize(
    ("cookie_domain", "domain", "expected"),
    [
        (None, "", []),
        (None, "ws.example.com", ["websockets.W020"]),
        (".example.com", "ws.example.com", []),
        ("example.com", "ws.www.example.com", []),
        ("www.example.com", "ws.www.example.com", []),
        ("www.example.com", "ws.example.com", ["websockets.W020"]),
        ("example.com", "ws.notexample.com", ["websockets.W020"]),
    ],
)
def test_w020_a_session_cookie_that_does_not_reach_the_sockets(on_database, settings, cookie_domain, domain, expected):
    settings.SESSION_COOKIE_DOMAIN = cookie_domain
    assert on_database(domain_name=domain) == expected


def test_w020_is_silent_where_tokens_are_given(on_database, urls):
    urls(path("ws/<slug:route>", ExampleView.as_view()), path("token/", WebSocketTokenView.as_view()))
    assert on_database(domain_name="ws.example.com") == []


def test_w021_a_redirect_to_https(on_database, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert on_database() == []
    assert on_database(target_base_endpoint="http://testserver/ws/") == ["websockets.W021"]


@pytest.mark.parametrize(
    ("options", "setting"),
    [
        ({}, "ALLOWED_HOSTS."),
        ({"ALLOWED_TARGET_HOSTS": None}, "ALLOWED_HOSTS."),
        ({"ALLOWED_TARGET_HOSTS": ["testserver"]}, "ALLOWED_TARGET_HOSTS in the setting WEBSOCKETS."),
    ],
)
def test_w022_names_the_setting_that_decides(on_database, options, setting, settings):
    settings.WEBSOCKETS = options
    on_database(target_base_endpoint="https://evil.example/ws/")
    (warning,) = run_checks(tags=["websockets"], databases=["default"])
    assert warning.hint == f"Correct the URL, or add its host to {setting}"


class ByHandView(ExampleView):
    route_selection_key = "kind"


@pytest.mark.parametrize(
    ("expression", "view", "expected"),
    [
        ("$request.body.action", ExampleView.as_view(), []),
        ("$request.body.data.action", ExampleView.as_view(), []),
        ("$request.body.kind", ByHandView.as_view(), []),
        ("${request.body.kind}", ByHandView.as_view(), []),
        ("$request.body.action", ByHandView.as_view(), ["websockets.W026"]),
        ("${request.body.kind}/${request.body.a}", ByHandView.as_view(), ["websockets.W026"]),
        ("$request.body.kind", ExampleView.as_view(route_selection_key="do"), ["websockets.W026"]),
        ("$request.body.action", ByHandView.as_view(route_selection_key="action"), []),
    ],
)
def test_w026_a_key_that_differs_from_the_gateways(on_database, urls, expression, view, expected):
    urls(path("ws/<slug:route>", view))
    assert on_database(route_selection_expression=expression) == expected


@pytest.mark.parametrize("name", ["WEBSOCKET", "WEB_SOCKETS", "WEBSOCKETS_SETTINGS", "WEBSOCKTES"])
def test_w005_a_misspelled_setting(name, settings):
    setattr(settings, name, {"REQUIRE_ORIGIN": False})
    (warning,) = run_checks(tags=["websockets"], databases=())
    assert (warning.id, warning.hint.startswith(f"Rename {name} to WEBSOCKETS.")) == ("websockets.W005", True)


@pytest.mark.parametrize("name", ["WEBSOCKET_URL", "WEBSOCKETS_ENABLED", "SOCKETS", "MAIL_OPTIONS"])
def test_w005_is_silent_about_settings_of_others(name, settings):
    setattr(settings, name, {} if name.endswith("OPTIONS") else "x")
    assert found() == []


EXAMPLE = path("ws/<slug:route>", ExampleView.as_view())


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (i18n_patterns(EXAMPLE), ["websockets.W004"]),
        (i18n_patterns(path("sub/", include([EXAMPLE]))), ["websockets.W004"]),
        (i18n_patterns(EXAMPLE, prefix_default_language=False), []),
    ],
    ids=["directly", "in an include", "no prefix"],
)
def test_w004_a_view_inside_i18n_patterns(urls, patterns, expected):
    urls(*patterns)
    assert found() == expected


def test_w004_one_of_two_views_is_inside_i18n_patterns(urls):
    urls(EXAMPLE, *i18n_patterns(path("pages/", ExampleView.as_view(), {"route": "default"})))
    assert "websockets.W004" in found()


@pytest.mark.parametrize(
    ("vendor", "database", "expected"),
    [
        ("postgresql", {"CONN_MAX_AGE": 0}, ["websockets.W015"]),
        ("mysql", {"CONN_MAX_AGE": 0, "OPTIONS": {}}, ["websockets.W015"]),
        ("oracle", {"CONN_MAX_AGE": 0}, ["websockets.W015"]),
        ("postgresql", {"CONN_MAX_AGE": 60}, []),
        ("postgresql", {"CONN_MAX_AGE": None}, []),
        ("postgresql", {"CONN_MAX_AGE": 0, "OPTIONS": {"pool": True}}, []),
        ("sqlite", {"CONN_MAX_AGE": 0}, []),
    ],
)
def test_w015_a_connection_for_each_message(vendor, database, expected, settings, monkeypatch):
    settings.CACHES = SHARED_CACHE
    monkeypatch.setattr(connection, "vendor", vendor)
    for key, value in database.items():
        monkeypatch.setitem(connection.settings_dict, key, value)
    assert found() == []
    assert found(include_deployment_checks=True) == expected


def test_w022_a_target_of_someone_else(on_database, gateway):
    assert on_database(target_base_endpoint="https://evil.example/ws/") == ["websockets.W022"]
    assert on_database(target_base_endpoint="https://testserver/ws/") == []
    gateway.additional_routes.create(name="x", route_key="x", integration_url="https://evil.example/x")
    assert on_database() == ["websockets.W022"]


@pytest.mark.parametrize(("sends", "expected"), [(None, []), (True, []), (False, ["websockets.W023"])])
def test_w023_a_gateway_that_does_not_send_its_secret(on_database, sends, expected):
    assert on_database(sends_secret=sends) == expected


@pytest.mark.parametrize(
    ("name", "allowed", "expected"),
    [
        ("ws.example.com", None, []),
        ("ws.example.com", ["WS.example.com"], []),
        ("a.ws.example.com", ["*.ws.example.com"], []),
        ("www.example.com", ["ws.example.com"], ["websockets.W024"]),
        ("ws.example.com", ["*.ws.example.com"], ["websockets.W024"]),
        ("ws.example.com.evil.example", ["*.example.com"], ["websockets.W024"]),
        ("evilexample.com", ["*.example.com"], ["websockets.W024"]),
    ],
)
def test_w024_a_domain_that_is_not_allowed(on_database, settings, name, allowed, expected):
    settings.SESSION_COOKIE_DOMAIN = name
    settings.WEBSOCKETS = {"ALLOWED_DOMAINS": allowed}
    assert on_database(domain_name=name) == expected


@pytest.mark.parametrize(("data_trace", "expected"), [(False, []), (True, ["websockets.W025"])])
def test_w025_every_message_in_the_log(on_database, data_trace, expected):
    assert on_database(data_trace=data_trace) == expected


@pytest.mark.parametrize("key", ["ALLOWED_TARGET_HOSTS", "ALLOWED_DOMAINS", "ALLOWED_HOSTED_ZONES"])
def test_e003_a_name_instead_of_a_list(key, settings):
    settings.WEBSOCKETS = {key: "ws.example.com"}
    found = run_checks(tags=["websockets"], databases=())
    assert [one.id for one in found if key in one.msg] == ["websockets.E003"]


def test_without_the_database_the_rows_are_not_looked_at():
    """No mark django_db: a query would fail the test."""
    assert [message for message in run_checks(databases=()) if message.id.startswith("websockets.")] == []


def test_every_id_is_tested_and_documented():
    source = ROOT / "src"
    ids = {
        hit for file in source.rglob("*.py") for hit in re.findall(r"websockets\.([EW]\d{3})", file.read_text("utf-8"))
    }
    page = (ROOT / "docs" / "checks.md").read_text("utf-8")
    tests = "".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    assert len(ids) >= 16
    assert {check for check in ids if f"| `websockets.{check}` |" not in page} == set()
    assert {check for check in ids if f"websockets.{check}" not in tests.replace('"E', '"websockets.E')} == set()
    assert set(re.findall(r"^\| `websockets\.([EW]\d{3})` \|", page, re.MULTILINE)) == ids
