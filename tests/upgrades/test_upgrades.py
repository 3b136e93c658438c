"""`migrate` brings the tables and rows of each release to those of today.

Each release has a folder here, which the steps in docs/publishing.md record. The tables of today are recorded each time
that the tests run, as if they were a release.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connections, models

from tests.adoption.conftest import database  # noqa: F401  a fixture

from .recording import LABEL, read, record, restore, tables

HERE = Path(__file__).parent
PROJECT = HERE.parents[1] / "pyproject.toml"
RELEASES = sorted(path.name for path in HERE.iterdir() if re.match(r"\d", path.name))
LONG_AGO = dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.timezone.utc)


def value_of(field, number):
    """A value that is not the default of `field`."""
    if field.remote_field:
        target = field.remote_field.model
        # A rule has a group or a permission: neither is needed.
        return None if target in (Group, Permission) else target.objects.order_by("pk")[number]
    if field.choices:
        return field.choices[-1][0]
    values = {
        models.BooleanField: True,
        models.DateTimeField: LONG_AGO,
        models.DateField: LONG_AGO.date(),
        models.JSONField: {"team": "wéb"},
        models.FloatField: 1.5,
        models.IntegerField: 50 + number,
        models.UUIDField: f"{number:032x}",
    }
    kinds = [values[kind] for kind in values if isinstance(field, kind)]
    return kinds[0] if kinds else f"{number}{field.name}"[: field.max_length]


@pytest.fixture
def filled(db):
    """Two rows in each table."""
    for number in range(2):
        User.objects.create_user(f"user{number}")
    left = set(tables())
    for table in tables():
        model = next(
            one
            for one in apps.get_app_config(LABEL).get_models(include_auto_created=True)
            if one._meta.db_table == table
        )
        fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        # Without save(), which would deploy a route.
        model._base_manager.bulk_create(
            model(**{field.name: value_of(field, number) for field in fields}) for number in range(2)
        )
        left.discard(table)
    assert not left


def as_of_today(alias, rows):
    """Those columns of the tables of today that `rows` have."""
    return {
        table: [{name: row[name] for name in before[0] if name in row} for row in read(connections[alias], table)]
        for table, before in rows.items()
    }


def upgrade(alias, folder):
    rows = restore(alias, folder)
    call_command("migrate", database=alias, verbosity=0)
    call_command("migrate", database=alias, verbosity=0, check_unapplied=True)
    comparable = lambda found: json.loads(json.dumps(found, default=str))  # noqa: E731
    assert comparable(normal(as_of_today(alias, rows))) == comparable(normal(rows))
    for model in apps.get_app_config(LABEL).get_models():
        assert len(list(model._base_manager.using(alias))) == len(rows.get(model._meta.db_table, ()))


def normal(rows):
    """`rows` with moments and booleans as text, because JSON and each driver have their own."""
    return {
        table: [{name: normal_value(value) for name, value in row.items()} for row in of] for table, of in rows.items()
    }


def normal_value(value):
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.replace("Z", "+00:00").replace(" ", "T"))
        except ValueError:
            return value
    if isinstance(value, dt.datetime):
        # Python before 3.11 reads milliseconds and microseconds alone.
        return value.replace(tzinfo=None, microsecond=value.microsecond // 1000 * 1000)
    return int(value) if isinstance(value, bool) else value


@pytest.mark.parametrize("release", ["today", *RELEASES])
def test_a_release_is_carried_to_today(release, filled, database, tmp_path):  # noqa: F811
    folder = HERE / release
    if release == "today":
        folder = tmp_path
        if os.environ.get("RECORD_RELEASE"):
            folder = HERE / re.findall(r'^version = "(.+)"$', PROJECT.read_text(encoding="utf-8"), re.MULTILINE)[0]
            folder.mkdir(exist_ok=True)
        record("default", database, folder)
    upgrade(database, folder)
