"""The places in the site's URLs where a view of this package is mounted."""

from __future__ import annotations

import inspect
from typing import Any, Iterator, Mapping, NamedTuple

from django.conf import settings
from django.contrib.auth import decorators
from django.urls import LocalePrefixPattern, URLPattern, URLResolver, get_resolver

__all__ = ["Mounted", "mounted_views"]


class Mounted(NamedTuple):
    """A view class that is mounted under a URL ``pattern``, as urls.py spells it."""

    view: Any
    pattern: str
    takes_route: bool
    csrf_exempt: bool
    login_required: bool  # by LoginRequiredMiddleware, if the site uses it
    login_decorated: bool
    language_prefix: bool  # inside i18n_patterns that redirect to a language
    initkwargs: Mapping[str, Any]  # the arguments of as_view()

    def option(self, name: str) -> Any:
        """Return an attribute of the view, with the value that its instances under this URL have."""
        return self.initkwargs.get(name, getattr(self.view, name))


def mounted_views(base: type) -> Iterator[Mounted]:
    """Yield every URL of the site that leads to a subclass of ``base``."""
    # The settings of a worker may not have URLs.
    if getattr(settings, "ROOT_URLCONF", None):
        yield from _scan(get_resolver().url_patterns, base)


def _scan(
    patterns: Any, base: type, prefix: str = "", takes_route: bool = False, language_prefix: bool = False
) -> Iterator[Mounted]:
    for pattern in patterns:
        text = prefix + str(pattern.pattern)
        with_route = takes_route or "route" in pattern.pattern.regex.groupindex
        if isinstance(pattern, URLResolver):
            with_language = language_prefix or _redirects_to_language(pattern.pattern)
            yield from _scan(pattern.url_patterns, base, text, with_route, with_language)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "view_class", None)
            if isinstance(view, type) and issubclass(view, base):
                yield _mounted(view, text, with_route, language_prefix, pattern.callback)


def _mounted(view: type, text: str, takes_route: bool, language_prefix: bool, callback: Any) -> Mounted:
    return Mounted(
        view,
        text,
        takes_route,
        csrf_exempt=getattr(callback, "csrf_exempt", False),
        login_required=getattr(callback, "login_required", True),
        login_decorated=_asks_for_login(callback),
        language_prefix=language_prefix,
        initkwargs=getattr(callback, "view_initkwargs", {}),
    )


def _redirects_to_language(pattern: Any) -> bool:
    """Return whether ``LocaleMiddleware`` redirects a request without a language to one below ``pattern``."""
    return isinstance(pattern, LocalePrefixPattern) and pattern.prefix_default_language


def _asks_for_login(callback: Any) -> bool:
    """Return whether ``login_required`` or a similar decorator wraps a view. Their code is in one module of Django."""

    def is_from_auth(function: Any) -> bool:
        code = getattr(function, "__code__", None)
        return code is not None and code.co_filename == decorators.user_passes_test.__code__.co_filename

    return is_from_auth(inspect.unwrap(callback, stop=is_from_auth))
