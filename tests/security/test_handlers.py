"""Login and permissions on a view or one of its handlers, and handlers that are picked by a declared name."""

from __future__ import annotations

import asyncio
import json
import re
from types import ModuleType

import pytest
from django.contrib import admin
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.mixins import LoginRequiredMixin, PermissionRequiredMixin
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.generic.edit import ProcessFormView

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.testing import HandshakeRefused
from django_aws_api_gateway_websockets.views import WebSocketView, handler, handler_names

PERMISSION = "django_aws_api_gateway_websockets.view_apigateway"


class IsAlice:
    """As a permission of Django REST framework."""

    message = "Only Alice."

    def has_permission(self, request, view):
        assert isinstance(view, WebSocketView)
        return request.user.is_authenticated and request.user.username == "alice"


class IsBob(IsAlice):
    message = None

    def has_permission(self, request, view):
        return request.user.username == "bob"


def ok(self, request, *args, **kwargs):
    return HttpResponse("ok")


class HandlersView(WebSocketView):
    default = ok

    @handler(login_required=True)
    def members(self, request, *args, **kwargs):
        return HttpResponse("ok")

    @handler("room.rename", "room/rename", permission_required=PERMISSION)
    def _rename(self, request, *args, **kwargs):
        return HttpResponse("ok")

    @handler("a name", permission_classes=[IsAlice])
    def named(self, request, *args, **kwargs):
        return HttpResponse("ok")

    @handler(permission_classes=[IsBob])
    def bobs(self, request, *args, **kwargs):
        return HttpResponse("ok")

    @handler
    def declared(self, message, *args, **kwargs):
        return HttpResponse("ok")

    async def slow(self, request, *args, **kwargs):
        await asyncio.sleep(0)
        return HttpResponse(f"ok {request.user}")

    @handler("slow.members", login_required=True)
    async def slow_members(self, request, *args, **kwargs):
        return HttpResponse("ok")

    async def _slow_secret(self, request, *args, **kwargs):
        return HttpResponse("ok")

    async def slow_helper(self, text):
        return HttpResponse("ok")

    @method_decorator(login_required)
    def django_login(self, request, *args, **kwargs):
        return HttpResponse("ok")

    @method_decorator(permission_required(PERMISSION, raise_exception=True))
    def django_permission(self, request, *args, **kwargs):
        return HttpResponse("ok")

    def denied(self, request, *args, **kwargs):
        raise PermissionDenied("Not on Sundays.")


class DeclaredView(WebSocketView):
    login_required = True
    default = ok


class PermissionView(WebSocketView):
    permission_required = [PERMISSION]
    default = ok


class ClassesView(WebSocketView):
    permission_classes = [IsAlice]
    default = ok


class MixinView(LoginRequiredMixin, WebSocketView):
    default = ok


class PermissionMixinView(PermissionRequiredMixin, WebSocketView):
    permission_required = PERMISSION
    default = ok


@method_decorator(login_required, name="dispatch")
class DecoratedView(WebSocketView):
    default = ok


class SelectingView(WebSocketView):
    handler_selection_key = "do"
    default = ok

    def orders(self, request, *args, **kwargs):
        return HttpResponse("orders")

    def create(self, request, *args, **kwargs):
        return HttpResponse("create")


urlpatterns = [
    path("ws/<slug:route>", HandlersView.as_view()),
    path("declared/<slug:route>", DeclaredView.as_view()),
    path("permission/<slug:route>", PermissionView.as_view()),
    path("classes/<slug:route>", ClassesView.as_view()),
    path("mixin/<slug:route>", MixinView.as_view()),
    path("permission-mixin/<slug:route>", PermissionMixinView.as_view()),
    path("decorated/<slug:route>", DecoratedView.as_view()),
    path("selecting/<slug:route>", SelectingView.as_view()),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def carol(make_user):
    carol = make_user("carol")
    carol.user_permissions.add(Permission.objects.get(codename="view_apigateway"))
    return carol


@pytest.fixture
def mount(settings):
    """Makes a view the only one of the site, at ``/ws/``."""

    def mount(view):
        module = ModuleType("made_up_urls")
        module.urlpatterns = [path("admin/", admin.site.urls), path("ws/<slug:route>", view.as_view())]
        settings.ROOT_URLCONF = module

    return mount


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("members", "alice bob carol"),
        ("room.rename", "carol"),
        ("room/rename", "carol"),
        ("a name", "alice"),
        ("bobs", "bob"),
        ("declared", "nobody alice bob carol"),
        ("django_login", "alice bob carol"),
        ("django_permission", "carol"),
        ("denied", ""),
    ],
)
def test_what_a_handler_asks_for(connect, alice, bob, carol, action, allowed):
    for user in (None, alice, bob, carol):
        response = connect(user).send_json({"action": action})
        expected = (user.username if user else "nobody") in allowed.split()
        assert (response.status_code, response.content == b"ok") == ((200, True) if expected else (403, False))


def test_the_refusal_says_why(connect, bob, said):
    socket = connect(bob)
    assert said(socket.send_json({"action": "a name"})) == "Only Alice."
    assert said(socket.send_json({"action": "room.rename"})) == f"This needs the permission {PERMISSION}."
    assert said(socket.send_json({"action": "denied"})) == "Not on Sundays."
    assert said(connect().send_json({"action": "bobs"})) == "You may not do this."


def test_a_declared_name_replaces_the_methods_own():
    assert handler_names(HandlersView) == {
        *("default", "members", "room.rename", "room/rename", "a name", "bobs", "declared"),
        *("django_login", "django_permission", "denied", "slow", "slow.members"),
    }


@pytest.mark.parametrize(
    ("mount", "allowed"),
    [
        ("declared", "alice bob carol"),
        ("permission", "carol"),
        ("classes", "alice"),
        ("mixin", "alice bob carol"),
        ("permission-mixin", "carol"),
        ("decorated", "alice bob carol"),
    ],
)
def test_what_a_view_asks_for(connect, alice, bob, carol, mount, allowed):
    for user in (None, alice, bob, carol):
        if (user.username if user else "nobody") in allowed.split():
            socket = connect(user, path=f"/{mount}/")
            assert socket.send_json({"action": "x"}).content == b"ok"
            assert socket.disconnect().status_code == 200
            assert not socket.session.connected
        else:
            with pytest.raises(HandshakeRefused) as refused:
                connect(user, path=f"/{mount}/")
            assert refused.value.status_code == 403
    assert not WebSocketSession.objects.filter(connected=True).exists()


def test_a_lost_permission_stops_messages_but_not_the_disconnect(connect, carol):
    socket = connect(carol, path="/permission/")
    carol.user_permissions.clear()
    assert socket.send_json({"action": "x"}).status_code == 403
    assert socket.disconnect().status_code == 200
    assert not socket.session.connected


@pytest.mark.parametrize("path", ["/declared/", "/mixin/", "/decorated/"])
def test_login_alone_costs_no_query(connect, alice, django_assert_num_queries, path):
    socket = connect(alice, path=path)
    with django_assert_num_queries(1):
        assert socket.send_json({"action": "x"}).content == b"ok"


def test_a_selection_key_picks_the_handler_on_any_route(connect, gateway):
    gateway.target_base_endpoint = "https://testserver/selecting/"
    gateway.save()
    url = "https://testserver/selecting/orders"
    gateway.additional_routes.create(name="Orders", route_key="orders", integration_url=url)
    socket = connect(path="/selecting/")
    assert socket.send_json({"action": "orders", "do": "create"}).content == b"create"
    assert socket.send_json({"action": "orders"}).content == b"orders"
    assert socket.send_json({"action": "orders", "do": "unknown"}).status_code == 404
    assert socket.send_json({"action": "orders", "do": "connect"}).status_code == 404
    assert socket.send_json({"action": "other", "do": "create"}).content == b"create"
    assert socket.send_json({"action": "create"}).content == b"create"
    assert socket.send_json({"action": "other"}).content == b"ok"
    assert socket.send_json({"action": "other", "do": "unknown"}).content == b"ok"  # as an unknown action does


@pytest.mark.parametrize("name", ["connect", "disconnect"])
def test_handlers_cannot_take_names_reserved_for_the_gateway(name):
    class WrongView(WebSocketView):
        @handler(name)
        def other(self, request, **kwargs): ...

    with pytest.raises(ImproperlyConfigured, match=f"messages may not pick '{name}'"):
        handler_names(WrongView)


@pytest.mark.parametrize("declare", [handler, handler(login_required=True), handler("_other"), handler(5)])
def test_handlers_cannot_take_private_or_missing_names(connect, mount, declare):
    class WrongView(WebSocketView):
        default = ok

        @declare
        def _hidden(self, request, *args, **kwargs): ...

    mount(WrongView)
    with pytest.raises(
        ImproperlyConfigured, match=r"WrongView._hidden: messages may not pick .*\. Declare another name"
    ):
        connect().send_json({"action": "_hidden"})


# What the view has on itself while a handler runs, and what Django's View has.
OWN = [
    *("args", "api_gateway", "body", "debug_log", "envelope", "event", "kwargs"),
    *("channels_answer", "replied", "request", "text", "websocket_session"),
]


@pytest.mark.parametrize("name", OWN)
def test_a_handler_hidden_by_the_view_says_how_to_fix_it(connect, mount, name):
    wrong = type("WrongView", (WebSocketView,), {name: ok, "__module__": __name__})
    mount(wrong)
    message = f"WrongView.{name}: the view itself uses self.{name}. Rename the method. With @handler({name!r}) above it"
    with pytest.raises(SystemCheckError, match=re.escape(message)) as refused:
        call_command("check")
    assert "websockets.E007" in str(refused.value)
    with pytest.raises(ImproperlyConfigured, match=re.escape(message)):
        connect().send_json({"action": "x"})

    class MendedView(WebSocketView):
        @handler(name)
        def mended(self, request, *args, **kwargs):
            return HttpResponse("ok")

    mount(MendedView)
    call_command("check")
    assert connect().send_json({"action": name}).content == b"ok"


@pytest.mark.parametrize("name", ["options", "connect"])
def test_a_handler_that_hides_a_view_method_is_an_error(mount, name):
    @handler("join")
    def method(self, request, *args, **kwargs): ...

    mount(type("HidingView", (WebSocketView,), {name: method}))
    with pytest.raises(SystemCheckError, match=rf"E007\) HidingView\.{name}: the view itself uses self\."):
        call_command("check")


def test_these_are_all_the_names_that_the_view_needs(connect, mount):
    class VarsView(WebSocketView):
        def default(self, request, *args, **kwargs):
            return JsonResponse(sorted(name for name in vars(self) if name[0] != "_"), safe=False)

    mount(VarsView)
    assert json.loads(connect().send_json({"action": "x"}).content) == sorted(OWN)


def test_a_declaration_on_connect_says_who_may(connect, mount, alice):
    class MembersView(WebSocketView):
        @handler(login_required=True)
        def connect(self, request, *args, **kwargs):
            return super().connect(request, *args, **kwargs)

        default = ok

    mount(MembersView)
    call_command("check")
    assert connect(alice).send_json({"action": "x"}).content == b"ok"
    with pytest.raises(HandshakeRefused):
        connect()


def test_an_async_handler_may_be_called_post(connect, mount):
    class PostView(WebSocketView):
        async def post(self, request, *args, **kwargs):
            return HttpResponse("posted")

    mount(PostView)
    assert connect().send_json({"action": "post"}).content == b"posted"


def test_two_handlers_of_one_name_are_an_error():
    class TwiceView(WebSocketView):
        def test(self, request, **kwargs): ...

        @handler("test")
        def other(self, request): ...

    with pytest.raises(ImproperlyConfigured, match="two handlers for 'test': other and test"):
        handler_names(TwiceView)


class FormView(ProcessFormView, WebSocketView):
    def helper(self, request):
        raise AssertionError("not a handler: the view would call it with route=")

    def room_of(self, request, pk):
        raise AssertionError("not a handler: the view would call it with route= and without pk")

    def test(self, request, **kwargs):
        pass


def test_neither_djangos_own_methods_nor_helpers_are_handlers():
    assert handler_names(FormView) == {"test"}


def test_an_async_handler_is_picked_by_the_same_rules(connect, alice):
    assert {"slow", "slow.members"} <= handler_names(HandlersView)
    assert not {"_slow_secret", "slow_helper", "slow_members"} & handler_names(HandlersView)
    socket = connect(alice)
    assert socket.send_json({"action": "slow"}).content.decode() == f"ok {alice}"
    assert socket.send_json({"action": "slow.members"}).status_code == 200
    assert connect().send_json({"action": "slow.members"}).status_code == 403


class SecretNamesView(WebSocketView):
    def rename_room(self, name):
        raise AssertionError("not a handler")

    def parse(self, request):
        if self.text == "unreadable":
            raise ValueError
        return super().parse(request)


@pytest.mark.parametrize(
    ("message", "told", "logged"),
    [
        ('{"action": "sya"%s}', "There is no handler for this message.", "SecretNamesView has no handler for 'sya'."),
        ('{"action": "rename_room"%s}', "There is no handler for this message.", "rename_room(self, name) is not a"),
        ("unreadable", "The site cannot parse the message.", "The site cannot parse the message."),
    ],
)
def test_no_client_learns_the_names_of_classes_or_parameters(connect, mount, caplog, message, told, logged):
    mount(SecretNamesView)
    socket = connect()
    if "%s" in message:
        socket.send(message % ', "_ws": {"id": "r-1"}')
        assert socket.receive_json()["message"] == told
        message = message % ""
    caplog.clear()
    assert socket.send(message).json() == {"message": told}
    assert logged in caplog.text
