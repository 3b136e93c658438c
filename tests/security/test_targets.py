"""Where the secret may go: hosts of this site."""

from __future__ import annotations

import io

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings

from django_aws_api_gateway_websockets.models import ApiGateway, ApiGatewayAdditionalRoute
from django_aws_api_gateway_websockets.security.targets import is_allowed_target

HOSTS = ["www.example.com", ".example.org", "*.example.net", "127.0.0.1", "[::1]", "Upper.Example"]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://www.example.com/ws/", True),
        ("https://WWW.example.com:8443/ws/", True),
        ("https://example.com/ws/", False),
        ("https://a.www.example.com/ws/", False),
        ("https://www.example.com.evil.example/", False),
        ("https://evilwww.example.com/", False),
        ("https://www.example.com@evil.example/", False),
        ("https://user@www.example.com/", False),
        ("https://evil.example/www.example.com", False),
        ("https://example.org/", True),
        ("https://a.b.example.org/", True),
        ("https://example.net/", False),
        ("https://a.example.net/", True),
        ("https://evilexample.net/", False),
        ("https://upper.example/", True),
        ("http://127.0.0.1:8000/ws/", True),
        ("http://[::1]:8000/ws/", True),
        ("http://169.254.169.254/latest/meta-data/", False),
        ("http:///ws/", False),
        ("", False),
        ("https://a.example.net/${stageVariables.path}/", True),
        ("https://${stageVariables.host}.example.net/", False),
        ("https://a.example.net${stageVariables.rest}/", False),
        ("https://a.example.net:${stageVariables.port}/", False),
        ("${stageVariables.scheme}://a.example.net/", False),
        ("https://evil.example\\.example.net/", False),
        ("https://evil.example;.example.net/", False),
        ("https://evil.example%2f.example.net/", False),
        ("https://evil.example\t.example.net/", False),
        ("https://evil.exampl\u00e9.example.net/", False),
        ("https://\N{KELVIN SIGN}.example.net/", False),  # which is a k in any other case
        ("https://a.example.net:80evil/", False),
        ("https://[::1].example.net/", False),
        ("https:/a.example.net/", False),
    ],
)
def test_hosts_of_the_list(url, allowed):
    with override_settings(WEBSOCKETS={"ALLOWED_TARGET_HOSTS": HOSTS}):
        assert is_allowed_target(url) is allowed


@pytest.mark.parametrize(
    ("settings_", "allowed", "refused"),
    [
        ({"ALLOWED_HOSTS": ["www.example.com"]}, "https://www.example.com/", "https://example.com/"),
        ({"ALLOWED_HOSTS": [], "DEBUG": True}, "http://localhost:8000/", "https://example.com/"),
        (
            {"ALLOWED_HOSTS": [], "DEBUG": False, "WEBSOCKETS": {"ALLOWED_TARGET_HOSTS": ["a.example"]}},
            "https://a.example/",
            "http://localhost/",
        ),
    ],
)
def test_without_a_list_the_sites_own_hosts_are_taken(settings_, allowed, refused):
    with override_settings(**settings_):
        assert is_allowed_target(allowed)
        assert not is_allowed_target(refused)


@pytest.mark.parametrize("field", ["target_base_endpoint", "integration_url"])
def test_rows_refuse_other_hosts(gateway, field):
    route = ApiGatewayAdditionalRoute(api_gateway=gateway, name="x", route_key="x")
    row = route if field == "integration_url" else gateway
    setattr(row, field, "https://evil.example/ws/")
    with pytest.raises(ValidationError) as refused:
        row.full_clean()
    assert list(refused.value.message_dict) == [field]


def test_forms_refuse_other_hosts(gateway, admin_client):
    page = admin_client.post(
        "/admin/django_aws_api_gateway_websockets/apigatewayadditionalroute/add/",
        {"api_gateway": gateway.pk, "name": "x", "route_key": "x", "integration_url": "https://evil.example/x"},
    )
    assert "may not be sent to https://evil.example/x" in page.content.decode()
    assert not gateway.additional_routes.exists()


def test_the_admin_refuses_a_host_from_a_stage_variable(gateway, admin_client, settings):
    settings.WEBSOCKETS = {"ALLOWED_TARGET_HOSTS": ["*.example.com"]}
    url = "https://${stageVariables.h}.example.com/ws/"
    page = f"/admin/django_aws_api_gateway_websockets/apigateway/{gateway.pk}/change/"
    form = admin_client.get(page).context["adminform"].form
    data = {name: form[name].value() or "" for name in form.fields}
    data.update({"stage_variables": '{"h": "evil.example/collect?"}', "tags": "{}", "target_base_endpoint": url})
    data.update({"additional_routes-TOTAL_FORMS": 0, "additional_routes-INITIAL_FORMS": 0})
    refused = admin_client.post(page, data)
    (error,) = refused.context["adminform"].form.errors["target_base_endpoint"]
    assert error.startswith(f"Write the host of {url} in letters")
    gateway.refresh_from_db()
    assert gateway.target_base_endpoint == "https://testserver/ws/"


@pytest.mark.parametrize("command", ["createApiGateway", "rotateGatewaySecret"])
@pytest.mark.parametrize("where", ["gateway", "route"])
def test_what_went_past_the_forms_is_not_written_to_aws(gateway, command, where):
    if where == "gateway":
        ApiGateway.objects.update(target_base_endpoint="https://evil.example/ws/")
    else:
        gateway.additional_routes.create(name="x", route_key="x", integration_url="https://evil.example/x")
    said = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command(command, pk=gateway.pk, stderr=said)
    assert (
        "Events and the secret of the gateway may not be sent to https://evil.example/"
        in f"{refused.value}{said.getvalue()}"
    )
