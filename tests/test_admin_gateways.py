"""The gateway's admin against the local gateway: what an administrator sees, and what AWS has afterwards."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse

from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
from django_aws_api_gateway_websockets.security.gateway_secret import gateway_secret

from .provisioning.faults import Calls, Refuse

pytestmark = pytest.mark.django_db
CHANGELIST = reverse("admin:django_aws_api_gateway_websockets_apigateway_changelist")


def act(client, action, row, confirmed=False, follow=True):
    data = {"action": action, "_selected_action": [row.pk]}
    if confirmed:
        data["confirmed"] = "yes"
    return client.post(CHANGELIST, data, follow=follow)


def text(response):
    return html.unescape(response.content.decode())


def change_url(row):
    return reverse("admin:django_aws_api_gateway_websockets_apigateway_change", args=[row.pk])


def form_of(client, row):
    """The change form's values, as a browser would send them back."""
    page = client.get(change_url(row))
    form = page.context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    data = {name: "" if value is None else value for name, value in data.items() if value is not False}
    data["tags"], data["stage_variables"] = "{}", "{}"
    data.update({"additional_routes-INITIAL_FORMS": 0, "additional_routes-TOTAL_FORMS": 0})
    for index, route in enumerate(row.additional_routes.order_by("pk")):
        prefix = f"additional_routes-{index}-"
        data.update({prefix + "id": route.pk, prefix + "api_gateway": row.pk, prefix + "name": route.name})
        data.update({prefix + "route_key": route.route_key, prefix + "integration_url": route.integration_url})
        data["additional_routes-INITIAL_FORMS"] = data["additional_routes-TOTAL_FORMS"] = index + 1
    return data


def test_the_two_actions_have_their_names(admin_client, row):
    page = text(admin_client.get(CHANGELIST))
    assert "Create API Gateway" in page
    assert "Create Custom Domain record for the API" in page


def test_creating_shows_the_plan_asks_and_then_does_it(admin_client, local_aws, row):
    page = act(admin_client, "create_api_gateway", row)
    assert "Yes, create" in text(page)
    assert "https://www.example.com/ws/connect" in text(page)
    assert local_aws.apis() == []
    done = act(admin_client, "create_api_gateway", row, confirmed=True)
    assert "Chat was created." in text(done)
    assert len(local_aws.apis()) == 1
    entry = LogEntry.objects.get()
    assert "create route $connect" in entry.change_message
    assert "in step" in text(done)


def test_a_page_view_asks_nothing_of_aws(admin_client, use, row):
    use("http://127.0.0.1:9")
    assert admin_client.get(CHANGELIST).status_code == 200
    assert admin_client.get(change_url(row)).status_code == 200


def test_an_unreachable_aws_is_one_message_and_shown_in_the_list(admin_client, use, row):
    use("http://127.0.0.1:9")
    page = act(admin_client, "plan_api_gateway", row)
    assert "Check the endpoint and the network" in text(page)
    assert "unreachable" in text(admin_client.get(CHANGELIST))
    failed = act(admin_client, "create_api_gateway", row, confirmed=True)
    assert [message.level_tag for message in failed.context["messages"]] == ["error"]
    assert ["Check the endpoint" in entry.change_message for entry in LogEntry.objects.all()] == [True, True]


def test_an_edit_is_planned_and_applied_without_showing_secrets(admin_client, local_aws, row):
    row.create_gateway()
    data = {**form_of(admin_client, row), "target_base_endpoint": "https://new.example.com/ws/"}
    saved = text(admin_client.post(change_url(row), data, follow=True))
    assert "was changed successfully" in saved
    assert "The API does not have the latest version of chat. Choose “Update the API” to update it." in saved
    assert "ago" in text(admin_client.get(CHANGELIST))
    row.refresh_from_db()
    assert row.status == "differs"
    pages = [act(admin_client, "plan_api_gateway", row), act(admin_client, "update_api_gateway", row)]
    assert "https://new.example.com/ws/connect" in text(pages[0])
    assert "Yes, update" not in text(pages[0])
    pages.append(act(admin_client, "update_api_gateway", row, confirmed=True))
    assert "The API of chat was updated." in text(pages[-1])
    assert "The API does not have the latest version" not in text(pages[-1])
    assert local_aws.integration(row, "$connect")["IntegrationUri"] == "https://new.example.com/ws/connect"
    pages.append(admin_client.get(change_url(row)))
    assert all(gateway_secret(row.api_id) not in text(page) for page in pages)


@pytest.mark.parametrize("emptied", ["", "null", "[]"])
def test_tags_and_stage_variables_can_be_emptied(admin_client, local_aws, row, emptied):
    ApiGateway.objects.update(tags={"team": "web"}, stage_variables={"version": "2"})
    row.refresh_from_db()
    row.create_gateway()
    data = {**form_of(admin_client, row), "tags": emptied, "stage_variables": emptied}
    assert "was changed successfully" in text(admin_client.post(change_url(row), data, follow=True))
    row.refresh_from_db()
    assert (row.tags, row.stage_variables) == ({}, {})
    act(admin_client, "update_api_gateway", row, confirmed=True)
    assert local_aws.stage(row).get("StageVariables", {}) == {}


def test_deleting_in_aws_asks_first_and_keeps_the_row(admin_client, local_aws, row):
    row.create_gateway()
    assert "Yes, delete the API" in text(act(admin_client, "delete_api_gateway", row))
    assert len(local_aws.apis()) == 1
    assert "The API of chat was deleted." in text(act(admin_client, "delete_api_gateway", row, confirmed=True))
    assert local_aws.apis() == []
    assert ApiGateway.objects.filter(pk=row.pk, api_id=None).exists()


def test_a_row_whose_api_lives_cannot_be_deleted(admin_client, local_aws, row):
    row.create_gateway()
    delete = reverse("admin:django_aws_api_gateway_websockets_apigateway_delete", args=[row.pk])
    assert f"the API {row.api_id} exists. Delete it first" in text(admin_client.get(delete))
    admin_client.post(delete, {"post": "yes"})
    assert ApiGateway.objects.filter(pk=row.pk).exists()


def delete_url(row):
    return change_url(row).replace("change", "delete")


def offered(client, row):
    return [operation.name for operation in client.get(change_url(row)).context["gateway_operations"]]


def test_comparing_is_in_the_history_too(admin_client, local_aws, row):
    act(admin_client, "plan_api_gateway", row)
    assert LogEntry.objects.get().change_message.startswith("Compare with the row: create API chat; ")
    row.create_gateway()
    act(admin_client, "plan_api_gateway", row)
    assert LogEntry.objects.latest("pk").change_message == "Compare with the row: nothing to do"
    act(admin_client, "update_api_gateway", row)  # a question only
    assert LogEntry.objects.count() == 2


def test_comparing_leads_to_what_brings_aws_in_step(admin_client, local_aws, row):
    assert 'value="Create API Gateway"' in text(act(admin_client, "plan_api_gateway", row))
    row.create_gateway()
    assert 'type="submit"' not in text(act(admin_client, "plan_api_gateway", row)).split('id="content-main"')[1]
    ApiGateway.objects.update(stage_description="new")
    page = act(admin_client, "plan_api_gateway", row)
    assert page.context["next"].name == "update_api_gateway"
    assert "Yes, update" in text(act(admin_client, page.context["next"].name, row))


def test_the_page_shows_what_a_browser_connects_to(admin_client, local_aws, row):
    row.create_gateway()
    assert row.websocket_url in text(admin_client.get(change_url(row)))


def deleted_in_aws_and_then_here(client, aws, row):
    assert "delete_api_gateway" in offered(client, row)
    act(client, "delete_api_gateway", row, confirmed=True)
    assert aws.apis() == []
    client.post(delete_url(row), {"post": "yes"})
    assert not ApiGateway.objects.exists()


def test_a_partly_created_gateway_can_be_deleted_in_aws(admin_client, local_aws, row, watch):
    watch(Refuse(-1, 403, "AccessDeniedException", "no stage", path="/stages"))
    assert "no stage" in text(act(admin_client, "create_api_gateway", row, confirmed=True))
    row.refresh_from_db()
    assert (row.api_created, len(local_aws.apis())) == (False, 1)
    assert "with the action “Delete the API”" in text(admin_client.get(delete_url(row)))
    deleted_in_aws_and_then_here(admin_client, local_aws, row)


def test_an_unanswered_creation_must_be_checked_before_deletion(admin_client, local_aws, row, watch):
    watch(Calls(lose=1))
    act(admin_client, "create_api_gateway", row, confirmed=True)
    row.refresh_from_db()
    assert (row.api_id, len(local_aws.apis())) == (None, 1)
    assert "Run “Compare with the row”" in text(admin_client.get(delete_url(row)))
    admin_client.post(delete_url(row), {"post": "yes"})
    assert ApiGateway.objects.exists()
    act(admin_client, "plan_api_gateway", row)
    deleted_in_aws_and_then_here(admin_client, local_aws, row)


def test_a_row_whose_creation_was_refused_can_be_deleted(admin_client, local_aws, row, watch):
    watch(Refuse(-1, 403, "AccessDeniedException", "no API"))
    act(admin_client, "create_api_gateway", row, confirmed=True)
    assert ApiGateway.objects.get().status == "not_created"
    admin_client.post(delete_url(row), {"post": "yes"})
    assert not ApiGateway.objects.exists()


def test_a_custom_domain_by_its_action(admin_client, local_aws, row):
    row.domain_name, row.certificate_arn = "ws.example.com", "arn:aws:acm:us-east-1:123456789012:certificate/1"
    row.save()
    row.create_gateway()
    assert "create domain name" in " ".join(
        f"{step['action']} {step['kind']}"
        for look in act(admin_client, "create_custom_domain", row).context["looks"]
        for step in look["plan"]
    )
    act(admin_client, "create_custom_domain", row, confirmed=True)
    assert len(local_aws.by_hand.get_api_mappings(DomainName="ws.example.com")["Items"]) == 1


def test_a_domain_entered_later_differs_until_it_is_created(admin_client, local_aws, row):
    row.create_gateway()
    domain = {"domain_name": "ws.example.com"}
    domain["certificate_arn"] = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    again = "Choose “Create Custom Domain record for the API” to update it."
    left = f"The API does not have the latest version of chat. {again}"
    assert left in text(admin_client.post(change_url(row), {**form_of(admin_client, row), **domain}, follow=True))
    compared = text(act(admin_client, "plan_api_gateway", row))
    assert left in compared
    assert "nothing to do" not in compared
    updated = text(act(admin_client, "update_api_gateway", row, confirmed=True))
    assert left in updated
    assert ApiGateway.objects.get().status == "lacks_domain"
    assert "custom domain not created" in text(admin_client.get(CHANGELIST))
    assert left not in text(act(admin_client, "create_custom_domain", row, confirmed=True))
    assert ApiGateway.objects.get().status == "in_step"


@pytest.mark.django_db(transaction=True)
def test_a_saved_edit_moves_no_message_before_aws_has_it(admin_client, local_aws, row):
    row.create_gateway()
    data = {**form_of(admin_client, row), "stage_name": "v2"}
    before = row.connections_url, row.websocket_url
    admin_client.post(change_url(row), data)
    row.refresh_from_db()
    assert (row.stage_name, row.connections_url, row.websocket_url) == ("v2", *before)
    # Nobody is there, which the stage that AWS has can tell.
    session = row.sessions.create(connection_id="L0SM9cOFvHcCIhw=")
    assert session.check_connection() is None
    act(admin_client, "update_api_gateway", row, confirmed=True)
    row.refresh_from_db()
    assert row.websocket_url == f"{row.api_endpoint}/v2"
    assert session.check_connection() is None


def test_editing_the_domain_keeps_the_endpoint_until_aws_has_it(admin_client, local_aws, row):
    certificate = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    row.domain_name, row.certificate_arn, row.api_mapping_key = "ws.example.com", certificate, "chat"
    row.save()
    row.create_gateway()
    row.create_custom_domain()
    edits = [
        ({"disable_execute_api_endpoint": "on"}, "ws.example.com/chat"),
        ({"api_mapping_key": "talk"}, "ws.example.com/talk"),
        ({"domain_name": "new.example.com"}, "new.example.com/talk"),
        (
            {"domain_name": "ws.example.com", "api_mapping_key": "", "disable_execute_api_endpoint": ""},
            "ws.example.com",
        ),
    ]
    path = "ws.example.com/chat"
    for edit, after in edits:
        data = {name: value for name, value in {**form_of(admin_client, row), **edit}.items() if value != ""}
        admin_client.post(change_url(row), data)
        row.refresh_from_db()
        # The domain serves already, and the endpoint serves no more.
        assert (row.connections_url, row.websocket_url) == (f"https://{path}", f"wss://{path}")
        act(admin_client, "update_api_gateway", row, confirmed=True)
        row.refresh_from_db()
        path = after
        assert row.websocket_url == f"wss://{path}"
    assert row.connections_url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "permissions, offered",
    [
        ([], set()),
        (["view"], set()),
        (
            ["view", "change"],
            {
                "create_api_gateway",
                "create_custom_domain",
                "check_api_gateway",
                "plan_api_gateway",
                "update_api_gateway",
            },
        ),
    ],
)
def test_actions_need_the_permission_that_they_are(client, local_aws, make_user, row, permissions, offered):
    user = make_user("carol", is_staff=True)
    for name in permissions:
        user.user_permissions.add(Permission.objects.get(codename=f"{name}_apigateway"))
    client.force_login(user)
    page = client.get(CHANGELIST)
    form = page.context.get("action_form") if page.context else None
    names = {name for name, _ in form.fields["action"].choices if name} if form else set()
    assert names - {"delete_selected"} == offered
    act(client, "delete_api_gateway", row, confirmed=True)
    act(client, "create_api_gateway", row, confirmed="change" in permissions)
    assert len(local_aws.apis()) == (1 if "change" in permissions else 0)


def test_the_console_link_is_that_of_the_region(admin_client, gateway):
    page = text(admin_client.get(change_url(gateway)))
    assert "https://eu-west-1.console.aws.amazon.com/apigateway/main/develop/routes?api=a1b2c3d4e5" in page


# --- additional routes -------------------------------------------------------------------------


def routes_of(row, *routes):
    data = {"additional_routes-TOTAL_FORMS": len(routes), "additional_routes-INITIAL_FORMS": 0}
    for index, (name, key) in enumerate(routes):
        prefix = f"additional_routes-{index}-"
        data.update({prefix + "name": name, prefix + "route_key": key})
        data[prefix + "integration_url"] = f"https://{key}.example.com/ws"
    return data


@pytest.mark.django_db(transaction=True)
def test_routes_saved_inline_are_deployed_at_once(admin_client, local_aws, row):
    row.create_gateway()
    data = {**form_of(admin_client, row), **routes_of(row, ("Orders", "orders"), ("Bills", "bills"))}
    saved = admin_client.post(change_url(row), data, follow=True)
    assert "The routes of chat are deployed." in text(saved)
    assert {"orders", "bills"} < set(local_aws.routes(row))
    assert all(row.additional_routes.values_list("deployed", flat=True))
    assert row.plan().steps == ()


@pytest.mark.django_db(transaction=True)
def test_a_route_saved_before_its_gateway_goes_out_with_it(admin_client, local_aws, row):
    data = {**form_of(admin_client, row), **routes_of(row, ("Orders", "orders"))}
    admin_client.post(change_url(row), data)
    assert not row.additional_routes.get().deployed
    row.create_gateway()
    assert row.additional_routes.get().deployed
    assert "orders" in local_aws.routes(row)


@pytest.mark.django_db(transaction=True)
def test_an_edited_and_a_deleted_route_follow_in_aws(admin_client, local_aws, row):
    row.create_gateway()
    route = row.additional_routes.create(name="Orders", route_key="orders", integration_url="https://a.example.com/ws")
    assert local_aws.integration(row, "orders")["IntegrationUri"] == "https://a.example.com/ws"
    page = reverse("admin:django_aws_api_gateway_websockets_apigatewayadditionalroute_change", args=[route.pk])
    data = {"api_gateway": row.pk, "name": "Bills", "route_key": "bills", "integration_url": "https://b.example.com/ws"}
    assert "are deployed" in text(admin_client.post(page, data, follow=True))
    assert local_aws.integration(row, "bills")["IntegrationUri"] == "https://b.example.com/ws"
    assert "orders" not in local_aws.routes(row)
    assert len(local_aws.integrations(row)) == 4
    admin_client.post(page.replace("change", "delete"), {"post": "yes"})
    assert set(local_aws.routes(row)) == {"$connect", "$disconnect", "$default"}
    assert len(local_aws.integrations(row)) == 3
    assert row.plan().steps == ()


@pytest.mark.django_db(transaction=True)
def test_a_route_that_fails_to_deploy_is_reported_and_marked(admin_client, local_aws, use, row):
    row.create_gateway()
    use("http://127.0.0.1:9")
    data = {**form_of(admin_client, row), **routes_of(row, ("Orders", "orders"))}
    saved = admin_client.post(change_url(row), data, follow=True)
    assert "The routes are saved, but not deployed." in text(saved)
    assert not row.additional_routes.get().deployed
    use(local_aws.url)
    act(admin_client, "update_api_gateway", row, confirmed=True)
    assert row.additional_routes.get().deployed


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_route_never_reaches_aws(local_aws, row):
    from django.db import transaction

    row.create_gateway()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        row.additional_routes.create(name="Orders", route_key="orders", integration_url="https://a.example.com/ws")
        raise ZeroDivisionError
    assert set(local_aws.routes(row)) == {"$connect", "$disconnect", "$default"}


@pytest.mark.django_db(transaction=True)
def test_a_route_that_moves_to_another_gateway_leaves_the_first(admin_client, local_aws, row):
    other = ApiGateway.objects.create(api_name="other", target_base_endpoint="https://other.example.com/ws/")
    row.create_gateway()
    other.create_gateway()
    route = row.additional_routes.create(name="Orders", route_key="orders", integration_url="https://a.example.com/ws")
    page = reverse("admin:django_aws_api_gateway_websockets_apigatewayadditionalroute_change", args=[route.pk])
    data = {"api_gateway": other.pk, "name": "Orders", "route_key": "orders"}
    admin_client.post(page, {**data, "integration_url": route.integration_url})
    assert "orders" in local_aws.routes(other)
    assert "orders" not in local_aws.routes(row)
    assert (row.plan().steps, other.plan().steps) == ((), ())


ROUTES = reverse("admin:django_aws_api_gateway_websockets_apigatewayadditionalroute_changelist")


def route_data(gateway, **values):
    return {
        "api_gateway": gateway.pk,
        "name": "Orders",
        "route_key": "orders",
        "integration_url": "https://a.example.com/ws",
        **values,
    }


@pytest.mark.django_db(transaction=True)
def test_a_route_needs_the_permission_to_change_its_gateway(client, local_aws, make_user, row):
    row.create_gateway()
    route = row.additional_routes.create(name="Bills", route_key="bills", integration_url="https://b.example.com/ws")
    # Somebody's edit that nobody has sent to AWS yet.
    ApiGateway.objects.update(target_base_endpoint="https://unseen.example.com/ws/")
    user = make_user("carol", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__model="apigatewayadditionalroute"))
    client.force_login(user)
    assert client.get(ROUTES).status_code == 200
    assert client.post(f"{ROUTES}add/", route_data(row)).status_code == 403
    assert client.post(f"{ROUTES}{route.pk}/change/", route_data(row)).status_code == 403
    assert client.post(f"{ROUTES}{route.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(ROUTES, {"action": "delete_selected", "_selected_action": [route.pk], "post": "yes"})
    assert set(local_aws.routes(row)) == {"$connect", "$disconnect", "$default", "bills"}
    assert local_aws.integration(row, "$connect")["IntegrationUri"] == "https://www.example.com/ws/connect"

    user.user_permissions.add(Permission.objects.get(codename="change_apigateway"))
    assert client.post(f"{ROUTES}add/", route_data(row)).status_code == 302
    assert "orders" in local_aws.routes(row)


@pytest.fixture
def object_permissions(settings):
    """Permissions for single gateways: those called “mine”."""
    settings.ROOT_URLCONF = "tests.object_permissions"
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "tests.object_permissions.ByName",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_route_respects_permissions_for_single_gateways(client, local_aws, make_user, object_permissions, row):
    mine = ApiGateway.objects.create(api_name="mine", target_base_endpoint="https://www.example.com/ws/")
    for gateway in (row, mine):
        gateway.create_gateway()
        gateway.additional_routes.create(name="Bills", route_key="bills", integration_url="https://b.example.com/ws")
    theirs, own = row.additional_routes.get(), mine.additional_routes.get()
    before = local_aws.routes(row)
    user = make_user("carol", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="django_aws_api_gateway_websockets"))
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    assert client.post(f"{ROUTES}add/", route_data(row)).status_code == 403
    # Neither from a gateway of others nor to one.
    assert client.post(f"{ROUTES}{theirs.pk}/change/", route_data(mine)).status_code == 403
    assert client.post(f"{ROUTES}{own.pk}/change/", route_data(row)).status_code == 403
    assert client.post(f"{ROUTES}{theirs.pk}/delete/", {"post": "yes"}).status_code == 403
    deletion = {"action": "delete_selected", "_selected_action": [theirs.pk, own.pk], "post": "yes"}
    assert client.post(ROUTES, deletion).status_code == 403
    assert local_aws.routes(row) == before

    assert client.post(f"{ROUTES}{own.pk}/change/", route_data(mine)).status_code == 302
    assert "orders" in local_aws.routes(mine)
    assert client.post(ROUTES, {**deletion, "_selected_action": [own.pk]}).status_code == 302
    assert set(local_aws.routes(mine)) == {"$connect", "$disconnect", "$default"}


def test_permissions_for_single_objects_are_respected(client, local_aws, make_user, object_permissions, row):
    mine = ApiGateway.objects.create(api_name="mine", target_base_endpoint="https://www.example.com/ws/")
    user = make_user("carol", is_staff=True)
    for name in ("view", "change", "delete"):
        user.user_permissions.add(Permission.objects.get(codename=f"{name}_apigateway"))
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    assert "Create API Gateway</button>" in text(client.get(change_url(mine)))
    assert "Create API Gateway</button>" not in text(client.get(change_url(row)))
    for action in ("plan_api_gateway", "create_api_gateway", "update_api_gateway", "delete_api_gateway"):
        assert act(client, action, row, confirmed=True).status_code == 403
    assert act(client, "create_api_gateway", mine, confirmed=True).status_code == 200
    assert [api["Name"] for api in local_aws.apis()] == ["mine"]
    assert act(client, "delete_api_gateway", mine, confirmed=True).status_code == 200
    assert local_aws.apis() == []


def test_the_list_says_what_is_created(admin_client, gateway):
    gateway.custom_domain_created = False
    gateway.save()
    page = admin_client.get(reverse("admin:django_aws_api_gateway_websockets_apigateway_changelist"))
    assert "API Created" in text(page)
    assert "Custom Domain Created" in text(page)
    assert "Django AWS APIGateway WebSockets" in text(page)
    cells = page.content.decode()
    assert 'class="field-is_api_created"><img src="/static/admin/img/icon-yes.svg"' in cells
    assert 'class="field-is_custom_domain_created"><img src="/static/admin/img/icon-no.svg"' in cells


@pytest.mark.parametrize("living", [True, False])
def test_a_gateway_with_many_sessions_is_refused_at_once(admin_client, gateway, living, django_assert_max_num_queries):
    if not living:
        gateway.api_id, gateway.api_created = None, False
        gateway.save()
    rows = [WebSocketSession(connection_id=f"{n}=", api_gateway=gateway, connected=n < 3) for n in range(2000)]
    WebSocketSession.objects.bulk_create(rows)
    with django_assert_max_num_queries(15):
        page = text(admin_client.get(delete_url(gateway)))
    assert ("exists. Delete it first" if living else "has 3 open connections") in page
    assert "1999=" not in page
    admin_client.post(delete_url(gateway), {"post": "yes"})
    assert WebSocketSession.objects.count() == 2000


@pytest.mark.parametrize("count", [101, 2000])
def test_closed_sessions_of_a_gateway_are_counted_on_its_page(admin_client, gateway, count):
    gateway.api_id, gateway.api_created = None, False
    gateway.save()
    WebSocketSession.objects.bulk_create(
        WebSocketSession(connection_id=f"{n}=", api_gateway=gateway, connected=False) for n in range(count)
    )
    page = text(admin_client.get(delete_url(gateway)))
    assert f"{count:,} rows, 0 of them connected" in page
    assert f"WebSocket sessions: {count}" in page.replace("\xa0", " ")
    admin_client.post(delete_url(gateway), {"post": "yes"})
    assert not WebSocketSession.objects.exists()


def test_the_plan_of_a_deletion_counts_open_connections(admin_client, local_aws, row):
    row.create_gateway()
    for number, connected in enumerate([True, True, False]):
        row.sessions.create(connection_id=f"c{number}=", connected=connected)
    assert "2 open connections will be closed." in text(act(admin_client, "delete_api_gateway", row))
    assert "will be closed" not in text(act(admin_client, "update_api_gateway", row))


@pytest.mark.parametrize("status", [value for value, _ in ApiGateway.Status.choices])
def test_the_status_is_a_badge(admin_client, row, status):
    ApiGateway.objects.update(status=status)
    badge = f'<span class="gateway-badge {status or "unknown"}">{ApiGateway.Status(status).label}</span>'
    assert badge in text(admin_client.get(CHANGELIST))


def test_no_page_of_a_local_gateway_says_aws(admin_client, local_aws, row):
    row.create_gateway()
    assert row.is_local
    row.target_base_endpoint = "https://www.example.com/ws2/"
    row.save()
    pages = [admin_client.get(CHANGELIST), admin_client.get(change_url(row)), admin_client.get(delete_url(row))]
    operations = ("plan", "update", "delete")
    pages += [act(admin_client, f"{name}_api_gateway", row) for name in operations]
    pages += [act(admin_client, f"{name}_api_gateway", row, confirmed=True) for name in operations]
    for page in pages:
        # The name of the app is its name everywhere.
        words = re.sub(r"<[^>]*>", " ", text(page)).replace("Django AWS APIGateway WebSockets", "")
        assert re.findall(r".{0,60}\bAWS\b.{0,60}", words) == []
