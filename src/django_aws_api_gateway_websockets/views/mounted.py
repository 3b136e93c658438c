"""Where the site's URLs lead to a view of ours."""

from __future__ import annotations

import inspect
from typing import Any, Iterator, Mapping, NamedTuple

from django.conf import settings
from django.contrib.auth import decorators
from django.urls import URLPattern, URLResolver, get_resolver


class Mounted(NamedTuple):
    """A view class under a URL ``pattern``, as urls.py spells it."""

    view: Any
    pattern: str
    takes_route: bool
    csrf_exempt: bool
    login_required: bool  # by LoginRequiredMiddleware, where the site has it
    login_decorated: bool
    initkwargs: Mapping[str, Any]  # what as_view() was given

    def option(self, name: str) -> Any:
        """An attribute of the view, as its instances under this URL have it."""
        return self.initkwargs.get(name, getattr(self.view, name))


def mounted_views(base: type) -> Iterator[Mounted]:
    """Every URL of the site that leads to a subclass of ``base``."""
    # A worker's settings may have no URLs.
    if getattr(settings, "ROOT_URLCONF", None):
        yield from _scan(get_resolver().url_patterns, base, "", False)


def _scan(patterns: Any, base: type, prefix: str, takes_route: bool) -> Iterator[Mounted]:
    for pattern in patterns:
        text = prefix + str(pattern.pattern)
        with_route = takes_route or "route" in pattern.pattern.regex.groupindex
        if isinstance(pattern, URLResolver):
            yield from _scan(pattern.url_patterns, base, text, with_route)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "view_class", None)
            if isinstance(view, type) and issubclass(view, base):
                callback = pattern.callback
                exempt = getattr(callback, "csrf_exempt", False)
                login = getattr(callback, "login_required", True)
                given = getattr(callback, "view_initkwargs", {})
                yield Mounted(view, text, with_route, exempt, login, _asks_for_login(callback), given)


def _asks_for_login(callback: Any) -> bool:
    """Whether ``login_required`` or one of its kin stands around a view: their wrappers are code of Django's module."""

    def is_from_auth(function: Any) -> bool:
        code = getattr(function, "__code__", None)
        return code is not None and code.co_filename == decorators.user_passes_test.__code__.co_filename

    return is_from_auth(inspect.unwrap(callback, stop=is_from_auth))
