"""Django 5.1 on Python 3.14 cannot copy a template context: its admin lists and its test client fail, whatever the site
does. Django 5.2 can; this is its method. With it, our own pages are tested on that pair as on the others.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import django
from django.template.context import BaseContext


def repair_context_copy() -> None:
    if sys.version_info >= (3, 14) and django.VERSION < (5, 2):
        BaseContext.__copy__ = _copy


def _copy(self: Any) -> Any:
    duplicate = BaseContext()
    duplicate.__class__ = self.__class__
    duplicate.__dict__ = copy.copy(self.__dict__)
    duplicate.dicts = self.dicts[:]
    return duplicate
