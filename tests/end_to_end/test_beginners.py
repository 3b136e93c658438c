"""Mistakes of the first hour. Each has a line in the terminal, or an answer, that says what to do."""

from __future__ import annotations

import re
from contextlib import contextmanager

import pytest
from websockets.exceptions import InvalidStatus

from tests.sockets import connect

from .terminals import Output, prepared, started, stop

pytestmark = [pytest.mark.end_to_end, pytest.mark.once]

CHECK = "python manage.py check"


def edit(terminals, name, old, new):
    path = terminals.folder / "mysite" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def add(terminals, name, text):
    path = terminals.folder / "mysite" / name
    path.write_text(f"{path.read_text()}\n{text}\n")


@pytest.fixture
def project(tmp_path):
    return prepared(tmp_path)


@contextmanager
def terminal(project, command):
    process = project.shell(project.with_our_ports(command))
    try:
        yield Output(process)
    finally:
        stop(process)


# --- What `manage.py check` says ------------------------------------------------------------------------------------


def test_a_url_without_the_parameter_route(project):
    edit(project, "urls.py", "ws/<slug:route>", "ws/<slug:name>")
    assert "Write path('ws/<slug:route>', …)." in project.command(CHECK, code=1)


def test_an_app_that_is_not_installed(project):
    edit(project, "settings.py", '"django_aws_api_gateway_websockets", ', "")
    said = project.command(CHECK, code=1)
    assert "Add 'django_aws_api_gateway_websockets' to INSTALLED_APPS in your settings" in said


def test_a_misspelled_option(project):
    add(project, "settings.py", 'WEBSOCKETS["LOCAL_GATEWY"] = "http://127.0.0.1:8001"')
    assert "Did you mean 'LOCAL_GATEWAY'?" in project.command(CHECK, code=1)


def test_a_misspelled_setting(project):
    add(project, "settings.py", "WEB_SOCKETS = WEBSOCKETS")
    assert "Rename WEB_SOCKETS to WEBSOCKETS." in project.command(CHECK)


def test_a_decorator_that_asks_the_gateway_for_a_login(project):
    edit(project, "urls.py", "ChatView.as_view()", "login_required(ChatView.as_view())")
    edit(
        project,
        "urls.py",
        "\nfrom django.urls",
        "\nfrom django.contrib.auth.decorators import login_required\nfrom django.urls",
    )
    assert "Mount ChatView.as_view() itself, and declare login_required on the view." in project.command(CHECK)


# --- What the terminal says -----------------------------------------------------------------------------------------


def test_a_database_that_is_not_migrated(project):
    with terminal(project, "python manage.py runLocalGateway --site 8000") as output:
        assert "Run manage.py migrate, then save one of your source files." in output.wait(
            "ChatView: no gateway was created"
        )


def test_a_gateway_on_another_port_than_the_site_expects(project):
    said = project.command("python manage.py runLocalGateway --site --port 8101", code=2)
    assert "Set LOCAL_GATEWAY of WEBSOCKETS in your settings to the address that you want" in said


def test_debug_off_without_the_host_of_this_machine(project):
    edit(project, "settings.py", "DEBUG = True", "DEBUG = False")
    edit(project, "settings.py", "ALLOWED_HOSTS = []", 'ALLOWED_HOSTS = ["www.example.com"]')
    project.command("python manage.py migrate")
    with terminal(project, "python manage.py runLocalGateway --site 8000") as output:
        assert "run createApiGateway --local --pk=PK" in output.wait("DEBUG is False")
        assert "Add its host." in output.wait(f"http://127.0.0.1:{project.ports[0]}/ is not in ALLOWED_HOSTS")


def row(project, target):
    code = (
        "from django_aws_api_gateway_websockets.models import ApiGateway as G; "
        f"G.objects.create(api_name='mine', target_base_endpoint='{target}')"
    )
    project.command(f'python manage.py migrate && python manage.py shell -c "{code}"')


def test_a_gateway_that_is_not_running(project):
    row(project, "http://127.0.0.1:8000/ws/")
    said = project.command("python manage.py createApiGateway --local --pk=1", code=1)
    assert "check that runLocalGateway is running" in said


# --- What the gateway says of a site that runs ----------------------------------------------------------------------

VIEWS = """
class OnlyUsers(ChatView):
    login_required = True


class SendsOnConnect(ChatView):
    def connect(self, request, *args, **kwargs):
        super().connect(request, *args, **kwargs)
        self.websocket_session.send_message({"text": "Welcome"})


class SendsBeforeSuper(ChatView):
    def connect(self, request, *args, **kwargs):
        self.websocket_session.send_message({"text": "Welcome"})
        super().connect(request, *args, **kwargs)


class Mistaken(WebSocketView):
    def raises(self, request, *args, **kwargs):
        return {}["total"]

    def returns(self, request, *args, **kwargs):
        return {"text": "Hello"}

    def other(self, message):
        pass


class WithDefault(Mistaken):
    def default(self, request, *args, **kwargs):
        pass
"""
NAMES = re.findall(r"class (\w+)", VIEWS)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with all these views, and a row whose target ends in /connect."""
    terminals = prepared(tmp_path_factory.mktemp("site"))
    add(terminals, "sockets.py", VIEWS)
    edit(terminals, "urls.py", "import ChatView", f"import ChatView, {', '.join(NAMES)}")
    paths = "\n".join(f'    path("{name}/<slug:route>", {name}.as_view()),' for name in NAMES)
    edit(terminals, "urls.py", "urlpatterns = [", f"urlpatterns = [\n{paths}")
    row(terminals, f"http://127.0.0.1:{terminals.ports[0]}/ws/connect")
    with started(terminals) as quickstart:
        terminals.command("python manage.py createApiGateway --local --pk=1")
        yield quickstart, terminals


def socket(site, name):
    quickstart, _ = site
    return quickstart.output.wait(f"{name}: ws://").split(f"{name}: ")[1]


def refused(site, url, text, page=None):
    """The latest line with `text`, after a handshake that is refused."""
    quickstart, _ = site
    with pytest.raises(InvalidStatus):
        connect(url, origin=page or quickstart.site)
    return quickstart.output.wait(text)


def test_a_visitor_who_is_not_logged_in(site):
    said = refused(site, socket(site, "OnlyUsers"), "OnlyUsers/connect: 403")
    assert "Only logged-in users may do this. The handshake has no session cookie: log in" in said


def test_a_page_on_localhost_with_a_socket_on_127_0_0_1(site):
    page = site[0].site.replace("127.0.0.1", "localhost")
    said = refused(site, socket(site, "OnlyUsers"), "The page is on localhost", page)
    assert "its socket on 127.0.0.1: use gateway.websocket_url_for(request)" in said


def test_a_send_from_connect(site):
    said = refused(site, socket(site, "SendsOnConnect"), "SendsOnConnect/connect: 500: SendDuringConnect")
    assert "Wait for a first message from the client, and answer it." in said


def test_a_send_from_connect_before_super(site):
    said = refused(site, socket(site, "SendsBeforeSuper"), "SendsBeforeSuper/connect: 500: SendDuringConnect")
    assert "Wait for a first message from the client, and answer it." in said


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("raises", "500: KeyError: 'total'"),
        ("returns", "500: TypeError: Mistaken.returns returned dict. A handler must return None or an HTTP response."),
        ("other", "404: Mistaken.other(self, message) is not a handler. Give it the parameters (self, request, *args"),
        ("dance", "404: Mistaken has no handler for 'dance'. Write a method with that name."),
    ],
)
def test_a_handler_that_is_not_right(site, action, says):
    with connect(socket(site, "Mistaken"), origin=site[0].site) as open_socket:
        open_socket.send(f'{{"action": "{action}"}}')
        site[0].output.wait(f"Mistaken/default: {says}")


def test_a_method_that_default_stands_in_for(site):
    with connect(socket(site, "WithDefault"), origin=site[0].site) as open_socket:
        open_socket.send('{"action": "other"}')
        said = site[0].output.wait("WithDefault.other(self, message) is not a handler")
    assert "or put @handler above it." in said


def test_a_target_that_ends_in_connect(site):
    _, terminals = site
    url = terminals.command(
        'python manage.py shell -c "from django_aws_api_gateway_websockets.models import ApiGateway as G; '
        "print(G.objects.get(api_name='mine').websocket_url)\""
    ).split()[-1]
    said = refused(site, url, "/ws/connect/connect: 404")
    assert "the site found nothing at this URL. Is the target right?" in said
