from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.checks import run_checks
from django.test import override_settings


def found(**kwargs):
    return [(message.id, message.hint) for message in run_checks(tags=["websockets"], databases=(), **kwargs)]


def test_no_setting_is_no_error():
    assert found() == []


def test_e001_is_shown_by_manage_py_check(tmp_path):
    (tmp_path / "wrong_settings.py").write_text(
        "from tests.settings import *\nWEBSOCKETS = [('REQUIRE_SECRET', True)]\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "wrong_settings", "PYTHONPATH": path}
    command = [sys.executable, "-m", "django", "check"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "(websockets.E001) The setting WEBSOCKETS is a list, not a dict." in done.stderr


def test_e001_the_setting_is_no_dict():
    with override_settings(WEBSOCKETS=["REQUIRE_SECRET"]):
        assert [check for check, _ in found()] == ["websockets.E001"]


@pytest.mark.parametrize(
    ("key", "hint"), [("require_secret", "Did you mean 'REQUIRE_SECRET'?"), ("COLOUR", "Known keys: ")]
)
def test_e002_an_unknown_key(key, hint):
    with override_settings(WEBSOCKETS={key: 1}):
        ((check, text),) = found()
    assert check == "websockets.E002"
    assert text.startswith(hint)
