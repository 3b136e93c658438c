from __future__ import annotations

import copy

import pytest
from django.db import connections

from . import other

ALIAS = "other_site"


@pytest.fixture
def database(django_db_blocker, django_db_setup, tmp_path):
    """An empty database of the kind under test, under an alias of its own."""
    values = copy.deepcopy(connections["default"].settings_dict)
    sqlite = connections["default"].vendor == "sqlite"
    # The default one is a test database already, of this worker.
    values["NAME"] = str(tmp_path / "db.sqlite3") if sqlite else f"{values['NAME']}_other"
    values["TEST"]["NAME"] = values["NAME"]
    with django_db_blocker.unblock():
        connections.databases[ALIAS] = values
        if not sqlite:
            connections[ALIAS].creation._create_test_db(verbosity=0, autoclobber=True)
        yield ALIAS
        connections[ALIAS].close()
        if not sqlite:
            connections[ALIAS].creation._destroy_test_db(values["NAME"], verbosity=0)
        del connections[ALIAS]
        del connections.databases[ALIAS]


@pytest.fixture(params=other.RELEASES)
def release(request):
    return request.param


@pytest.fixture
def former(database, release):
    """The other package's models, with their tables."""
    return other.install(database, release)
