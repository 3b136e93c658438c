"""The commands as they are typed: which rows, what they print, and how they end."""

from __future__ import annotations

import io
import json

import pytest
from botocore.exceptions import ReadTimeoutError
from django.core.management import CommandError, call_command, execute_from_command_line

from django_aws_api_gateway_websockets.aws import control_client, forget
from django_aws_api_gateway_websockets.exceptions import AwsUnreachable
from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.provisioning import plan_gateway

pytestmark = pytest.mark.django_db


class Shell(io.StringIO):
    def getvalue(self):
        return "".join(line for line in super().getvalue().splitlines(True) if not line.startswith("Speaking to "))


def run(*words):
    """As from a shell: gives what was printed and the exit code, without the line that says to whom it speaks."""
    out = Shell()
    try:
        call_command(*words, stdout=out, stderr=out)
    except SystemExit as ended:
        return out.getvalue(), ended.code
    except CommandError as error:
        return out.getvalue() + str(error), error.returncode
    return out.getvalue(), 0


def test_from_nothing_to_an_api_and_back(local_aws, row):
    pk = f"--pk={row.pk}"
    text, code = run("planApiGateway", pk)
    assert code == 3
    assert "+ create API chat" in text
    assert run("createApiGateway", pk, "--dry-run")[1] == 3
    assert local_aws.apis() == []
    text, code = run("createApiGateway", pk)
    assert code == 0
    assert local_aws.apis()[0]["ApiEndpoint"] + "/production" in text
    assert run("createApiGateway", pk)[0].startswith("chat: already created, and in step")
    assert run("planApiGateway", pk) == ("chat: in step\n", 0)
    assert run("updateApiGateway", pk) == ("chat: in step\n", 0)
    text, code = run("deleteApiGateway", pk, "--dry-run")
    assert (code, "- delete API chat" in text) == (3, True)
    text, code = run("deleteApiGateway", pk, "--no-input")
    assert code == 0
    assert local_aws.apis() == []
    assert run("deleteApiGateway", pk, "--no-input") == ("chat: there is nothing in AWS\n", 0)


def test_the_domain_command_says_where_the_record_must_point(local_aws, row):
    row.domain_name, row.certificate_arn = "ws.example.com", "arn:aws:acm:us-east-1:123456789012:certificate/1"
    row.save()
    run("createApiGateway", f"--pk={row.pk}")
    missing = f"chat: in step; ws.example.com is not created: run createCustomDomain --pk={row.pk}\n"
    assert run("planApiGateway", f"--pk={row.pk}") == run("updateApiGateway", f"--pk={row.pk}") == (missing, 0)
    text, code = run("createCustomDomain", f"--pk={row.pk}")
    row.refresh_from_db()
    assert code == 0
    assert f"ws.example.com: point its DNS record (CNAME or alias) at {row.api_gateway_domain_name}" in text
    assert run("planApiGateway", f"--pk={row.pk}") == ("chat: in step\n", 0)


def test_several_and_all_and_one_failure_stops_no_other(local_aws, row):
    ApiGateway.objects.create(api_name="broken", target_base_endpoint="ftp://example.com/")
    ApiGateway.objects.create(api_name="third", target_base_endpoint="https://example.com/ws/")
    text, code = run("createApiGateway", "--all")
    assert code == 1
    assert "target_base_endpoint" in text
    assert "1 of 3 gateways failed." in text
    assert sorted(api["Name"] for api in local_aws.apis()) == ["chat", "third"]
    pks = [str(pk) for pk in ApiGateway.objects.exclude(api_name="broken").values_list("pk", flat=True)]
    assert run("planApiGateway", "--pk", *pks) == ("chat: in step\nthird: in step\n", 0)


def test_json_is_one_document_for_machines(local_aws, row):
    text, code = run("planApiGateway", "--all", "--format", "json")
    [found] = json.loads(text)
    assert code == 3
    assert (found["pk"], found["api_name"]) == (row.pk, "chat")
    assert found["plan"][0]["action"] == "create"
    assert json.loads(run("createApiGateway", "--all", "--format=json")[0])[0]["api_id"] == local_aws.apis()[0]["ApiId"]
    assert json.loads(run("planApiGateway", "--all", "--format=json")[0])[0]["plan"] == []


@pytest.mark.parametrize(
    "command", ["createApiGateway", "createCustomDomain", "planApiGateway", "updateApiGateway", "deleteApiGateway"]
)
def test_an_unknown_row_and_no_row_are_refused(command):
    text, code = run(command, "--pk=77", *(["--no-input"] if command == "deleteApiGateway" else []))
    assert (text, code) == ("There is no API gateway with the primary key 77.", 1)
    with pytest.raises(SystemExit) as usage:
        execute_from_command_line(["manage.py", command])
    assert usage.value.code == 2


@pytest.mark.parametrize("answer, left", [("no", 1), ("", 1), ("yes", 0)])
def test_deleting_asks_first(local_aws, row, monkeypatch, answer, left):
    row.create_gateway()
    monkeypatch.setattr("sys.stdin", io.StringIO(answer + "\n"))
    text, code = run("deleteApiGateway", f"--pk={row.pk}")
    assert len(local_aws.apis()) == left
    assert (code, "Nothing was deleted." in text) == ((1, True) if left else (0, False))


def test_deleting_says_how_many_connections_end(local_aws, row, monkeypatch):
    row.create_gateway()
    for number, connected in enumerate([True, True, False]):
        row.sessions.create(connection_id=f"c{number}=", connected=connected)
    text, _ = run("deleteApiGateway", f"--pk={row.pk}", "--dry-run")
    assert "close 2 open connections" in text
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    text, _ = run("deleteApiGateway", f"--pk={row.pk}")
    assert "Delete the API of chat, closing 2 open connections? Type yes:" in text


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_connections_end_with_the_api(local_aws, row):
    row.create_gateway()
    for number, connected in enumerate([True, True, False]):
        row.sessions.create(connection_id=f"c{number}", connected=connected)
    elsewhere = ApiGateway.objects.create(api_name="other", target_base_endpoint="https://www.example.com/ws/")
    elsewhere.sessions.create(connection_id="d0")
    run("deleteApiGateway", f"--pk={row.pk}", "--no-input")
    assert not row.sessions.filter(connected=True).exists()
    # Nobody is left who could not be reached.
    assert row.sessions.all().send_message({"n": 1}).total == 0
    assert elsewhere.sessions.get().connected


def test_progress_is_shown_on_a_terminal_only(local_aws, row, settings):
    out = Terminal()
    call_command("createApiGateway", f"--pk={row.pk}", stdout=out)
    assert "create route $connect …" in out.getvalue()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
    out = Terminal()
    call_command("rotateGatewaySecret", f"--pk={row.pk}", stdout=out)
    assert "update integration $connect …" in out.getvalue()


@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_a_gateway_that_was_not_created_has_no_secret_to_rotate(local_aws, row, words):
    text, code = run("rotateGatewaySecret", f"--pk={row.pk}", *words)
    assert (code, "Run createApiGateway --pk=" in text) == (1, True)


def test_without_an_answer_nothing_is_deleted(local_aws, row, monkeypatch):
    row.create_gateway()
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    text, code = run("deleteApiGateway", f"--pk={row.pk}")
    assert (code, "--no-input" in text) == (1, True)
    assert len(local_aws.apis()) == 1


def test_asking_leaves_the_json_a_document(local_aws, row, monkeypatch, capsys):
    row.create_gateway()
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    call_command("deleteApiGateway", f"--pk={row.pk}", "--format=json")
    printed = capsys.readouterr()
    assert json.loads(printed.out)[0]["plan"]
    assert "Type yes: " in printed.err


def test_importing_ends_as_every_command_does(local_aws, row):
    row.create_gateway()
    broken = ApiGateway.objects.create(
        api_name="broken", target_base_endpoint="https://b.example.com/ws/", api_id="nosuchapi"
    )
    local_aws.by_hand.update_stage(ApiId=row.api_id, StageName="production", Description="by hand")
    text, code = run("importApiGateway", f"--pk={row.pk}", "--dry-run")
    assert (code, "by hand" in text) == (3, True)
    text, code = run("importApiGateway", "--pk", str(broken.pk), str(row.pk))
    assert code == 1
    assert "broken" in text
    assert "1 of 2 gateways failed." in text
    row.refresh_from_db()
    assert row.stage_description == "by hand"
    assert run("importApiGateway", f"--pk={row.pk}", "--dry-run")[1] == 0


@pytest.mark.parametrize(
    "words", [["importApiGateway"], ["importApiGateway", "--all", "--api-id=a"], ["exportApiGateway", "--pk", "1", "2"]]
)
def test_wrong_usage_ends_with_2_whoever_notices_it(words):
    for pk in (1, 2):
        ApiGateway.objects.create(pk=pk, api_name="chat", target_base_endpoint="https://www.example.com/ws/")
    assert run(*words)[1] == 2


def test_export_and_policy_print_several_gateways(row):
    other = ApiGateway.objects.create(api_name="news", target_base_endpoint="https://www.example.com/news/")
    text, code = run("exportApiGateway", "--all", "--format", "json")
    assert code == 0
    found = {one["api_name"]: one["template"]["Resources"]["Api"]["Properties"]["Name"] for one in json.loads(text)}
    assert found == {"chat": "chat", "news": "news"}
    text, code = run("exportApiGateway", "--pk", str(row.pk), str(other.pk))
    assert (code, "--format json" in text) == (2, True)
    text, code = run("iamPolicy", "--pk", str(row.pk), str(other.pk))
    assert (code, json.loads(text)["Version"]) == (0, "2012-10-17")


@pytest.mark.parametrize(
    "command", ["planApiGateway", "updateApiGateway", "createApiGateway", "importApiGateway", "deleteApiGateway"]
)
@pytest.mark.parametrize(
    ("api_endpoint", "is_local", "remedy"),
    [
        ("ws://gateway:8001/a1b2", False, "Run createApiGateway --local"),
        # Nobody listens at the second one: a call would fail in another way.
        ("wss://a1b2.execute-api.eu-west-1.amazonaws.com", True, "Clear the row's field 'is_local'"),
    ],
)
def test_an_api_is_not_made_again_in_the_other_place(
    row, aws_account, settings, command, api_endpoint, is_local, remedy
):
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, "LOCAL_GATEWAY": "http://127.0.0.1:9"}
    ApiGateway.objects.update(
        api_id="a1b2", api_endpoint=api_endpoint, api_created=True, status="in_step", is_local=is_local
    )
    text, code = run(command, f"--pk={row.pk}", *(["--no-input"] if command == "deleteApiGateway" else []))
    assert code == 1
    assert f"The API is at {api_endpoint}, which is " in text
    assert remedy in text
    row.refresh_from_db()
    assert (row.api_id, row.status, row.last_error) == ("a1b2", "in_step", "")


@pytest.fixture
def aws_account(settings, monkeypatch):
    """Credentials, and variables that name an endpoint: they decide nothing."""
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = "AKIDEXAMPLE", "not-a-secret"
    settings.AWS_GATEWAY_REGION_NAME = "eu-west-1"
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_APIGATEWAYV2"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def test_no_variable_takes_a_row_away_from_aws(row, aws_account):
    called = []

    def nothing_leaves(request, **kwargs):
        called.append(request.url)
        raise ReadTimeoutError(endpoint_url=request.url)

    forget()
    events = control_client().meta.events
    events.register("before-send.apigatewayv2", nothing_leaves)
    with pytest.raises(AwsUnreachable):
        plan_gateway(row)
    events.unregister("before-send.apigatewayv2", nothing_leaves)
    assert {url.partition("/v2")[0] for url in called} == {"https://apigateway.eu-west-1.amazonaws.com"}


@pytest.mark.parametrize(("is_local", "told"), [(True, "the local gateway at http://127.0.0.1:8001"), (False, "AWS")])
def test_a_command_says_to_whom_it_speaks(row, aws_account, is_local, told):
    ApiGateway.objects.update(is_local=is_local, target_base_endpoint="ftp://fails before a call")
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("planApiGateway", pk=[row.pk], stdout=out, stderr=out)
    assert out.getvalue() == f"Speaking to {told}.\n"


def test_create_local_marks_the_row(row, local_gateway):
    assert run("createApiGateway", "--local", f"--pk={row.pk}")[1] == 0
    row.refresh_from_db()
    assert (row.is_local, row.api_endpoint) == (True, f"ws://127.0.0.1:{local_gateway.port}/{row.api_id}")


def test_create_local_leaves_a_row_of_aws_alone(gateway, aws_account):
    text, code = run("createApiGateway", "--local", f"--pk={gateway.pk}")
    assert (code, "which is AWS, and a local gateway cannot take it over" in text) == (1, True)
    gateway.refresh_from_db()
    assert gateway.is_local is False


def test_a_dry_run_marks_no_row(row, local_gateway):
    assert run("createApiGateway", "--local", "--dry-run", f"--pk={row.pk}")[1] == 3
    row.refresh_from_db()
    assert row.is_local is False


def test_create_prints_a_summary_and_the_properties_on_demand(row, local_gateway):
    short, _ = run("createApiGateway", "--local", f"--pk={row.pk}")
    run("deleteApiGateway", f"--pk={row.pk}", "--no-input")
    long, _ = run("createApiGateway", f"--pk={row.pk}", "-v", "2")
    row.refresh_from_db()
    assert "IntegrationUri" not in short
    assert len(short.splitlines()) == 2
    assert short.startswith("chat: created 1 API, 3 integrations, 3 routes, 1 deployment and 1 stage\nchat: ws://127.")
    assert "IntegrationUri: https://www.example.com/ws/connect" in long


@pytest.mark.parametrize("command", ["createApiGateway", "planApiGateway"])
def test_a_target_on_this_machine_is_nothing_for_aws(row, aws_account, settings, command):
    """Who forgets to mark the row gets no API in AWS that leads nowhere."""
    settings.WEBSOCKETS = {"ALLOWED_TARGET_HOSTS": ["127.0.0.1"]}
    ApiGateway.objects.update(target_base_endpoint="http://127.0.0.1:8000/ws/")
    text, code = run(command, f"--pk={row.pk}")
    assert code == 1
    assert "target_base_endpoint: http://127.0.0.1:8000/ws/ is on this machine, which AWS cannot reach" in text
    assert f"createApiGateway --local --pk={row.pk}" in text


def test_an_endpoint_that_is_no_url_is_named(row, settings):
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, "LOCAL_GATEWAY": "127.0.0.1:8001"}
    text, code = run("createApiGateway", "--local", f"--pk={row.pk}")
    assert code == 1
    assert "WEBSOCKETS['LOCAL_GATEWAY'] is '127.0.0.1:8001', which is not a URL. Write http://HOST:PORT" in text


def test_a_server_that_is_no_gateway_is_called_that(row, settings, live_server):
    """The site itself, say, whose page of HTML is not what one wants to read in a terminal."""
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, "LOCAL_GATEWAY": live_server.url}
    ApiGateway.objects.update(is_local=True)
    text, code = run("planApiGateway", f"--pk={row.pk}")
    assert code == 1
    assert "AWS answered 404: a page of HTML, which API Gateway never sends. Check the endpoint" in text
    assert "<" not in text


def test_an_update_that_makes_an_api_anew_says_where_it_is(local_aws, row):
    run("createApiGateway", f"--pk={row.pk}")
    row.refresh_from_db()
    local_aws.by_hand.delete_api(ApiId=row.api_id)
    text, code = run("updateApiGateway", f"--pk={row.pk}")
    assert code == 0
    assert f"chat: {local_aws.apis()[0]['ApiEndpoint']}/production" in text


@pytest.mark.parametrize("char", ["\x1b[31m", "\r\n", "\u202e"])
def test_imported_text_cannot_command_a_terminal(local_aws, db, example_hosts, char):
    by_hand = local_aws.by_hand
    api_id = by_hand.create_api(
        Name=f"chat{char}in step",
        Description=f"talk{char}x",
        ProtocolType="WEBSOCKET",
        RouteSelectionExpression="$request.body.action",
    )["ApiId"]
    for key in ("$connect", "orders"):
        integration = by_hand.create_integration(
            ApiId=api_id,
            IntegrationType="HTTP_PROXY",
            IntegrationMethod="POST",
            IntegrationUri="https://www.example.com/ws/connect",
        )["IntegrationId"]
        by_hand.create_route(ApiId=api_id, RouteKey=key, Target=f"integrations/{integration}")
    by_hand.create_stage(ApiId=api_id, StageName="production", Description=f"one{char}two")
    printed = [run("importApiGateway", f"--api-id={api_id}")]
    pk = f"--pk={ApiGateway.objects.get().pk}"
    by_hand.update_stage(ApiId=api_id, StageName="production", Description=f"three{char}four")
    commands = [
        ["planApiGateway", pk],
        ["planApiGateway", pk, "--format=json"],
        ["importApiGateway", pk, "--dry-run"],
        ["checkApiGateway", pk, "--no-live"],
        ["checkApiGateway", pk, "--no-live", "--format=json"],
        ["check", "--database=default"],
        ["updateApiGateway", pk],
        ["deleteApiGateway", pk, "--no-input"],
    ]
    printed += [run(*words) for words in commands]
    for text, code in printed:
        assert char not in text
        assert code in (0, 1, 3)
    assert "in step' does not send its secret" not in printed[6][0] and "does not send its secret" in printed[6][0]
    assert "three" in printed[1][0]
