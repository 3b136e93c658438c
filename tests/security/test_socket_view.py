"""The views for pages apply the rules of the class that the site names, and never those of a default."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.views import View

from django_aws_api_gateway_websockets.views import WebSocketCheckView, WebSocketHistoryView, WebSocketView


class ChatView(WebSocketView):
    login_required = True


WRONG = [
    (None, "has no socket_view"),
    ("chat.views.ChatView", "is 'chat.views.ChatView', not"),
    (View, "is the class View, not"),
    (ChatView(), "is an instance of ChatView, not"),
    (ChatView.as_view(), "is the result of ChatView.as_view(), not"),
    (5, "is 5, not"),
]
both = pytest.mark.parametrize("page", [WebSocketHistoryView, WebSocketCheckView])


@both
def test_a_missing_socket_view_stops_the_site(page):
    with pytest.raises(ImproperlyConfigured) as raised:
        page.as_view()
    assert str(raised.value) == (
        f"{page.__name__} has no socket_view. Pass the class that handles your socket's events: "
        f"{page.__name__}.as_view(socket_view=ChatView)."
    )


@both
@pytest.mark.parametrize(("given", "problem"), WRONG)
def test_a_wrong_socket_view_stops_the_site(page, given, problem):
    subclass = type("OwnPage", (page,), {"socket_view": given})
    for mount in (lambda: page.as_view(socket_view=given), subclass.as_view):
        with pytest.raises(ImproperlyConfigured) as raised:
            mount()
        assert problem in str(raised.value)
        assert ".as_view(socket_view=ChatView)" in str(raised.value)


@both
def test_a_subclass_may_set_the_socket_view(page):
    subclass = type("OwnPage", (page,), {"socket_view": ChatView})
    assert subclass.as_view().view_class is subclass
    assert page.as_view(socket_view=ChatView).view_initkwargs == {"socket_view": ChatView}
    # An argument wins over the attribute.
    with pytest.raises(ImproperlyConfigured, match="OwnPage has no socket_view"):
        subclass.as_view(socket_view=None)


@both
def test_a_page_view_without_as_view_refuses_too(page, rf):
    request = rf.get("/", {"channel": "lobby"}, HTTP_ORIGIN="https://testserver")
    view = page()
    view.setup(request)
    with pytest.raises(ImproperlyConfigured, match="has no socket_view"):
        view.dispatch(request)


@both
def test_djangos_own_error_names_an_unknown_argument(page):
    with pytest.raises(TypeError, match="socket_class"):
        page.as_view(socket_class=ChatView)
