"""The npm package in an app that Vite builds, in TypeScript. Installs Vite from the npm registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from django.http import HttpResponse
from django.urls import path
from django.views.static import serve

from .test_gateway_socket import JS, SocketView, local, row, wait_for_state, wait_until  # noqa: F401  fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PACKAGE = "django-aws-api-gateway-websockets"
APP = f"""
import {{ GatewaySocket, RequestError }} from "{PACKAGE}";

declare global {{
  interface Window {{ socket: GatewaySocket; answer: number }}
}}

const url: string = new URLSearchParams(location.search).get("url")!;
const socket: GatewaySocket = (window.socket = new GatewaySocket(url, {{ handover: 6600, share: "vite" }}));
socket.on("said", (message: {{ text?: string }}) => console.log(message.text));
socket.request("ask", {{ question: 21 }}, {{ timeout: 10 }}).then(
  (reply: any) => (window.answer = reply.answer),
  (error: RequestError) => console.error(error.status, error.message),
);
"""
FILES = {
    "index.html": '<!doctype html><body><script type="module" src="/main.ts"></script></body>',
    "main.ts": APP,
    "package.json": json.dumps({"private": True, "type": "module"}),
    "tsconfig.json": json.dumps(
        {
            "compilerOptions": {
                "strict": True,
                "noEmit": True,
                "target": "ES2022",
                "module": "ESNext",
                "moduleResolution": "bundler",
                "lib": ["ES2022", "DOM"],
                "types": [],
            },
            "include": ["main.ts"],
        }
    ),
}


def app_file(request, name):
    return serve(request, name or "index.html", app_file.folder)


urlpatterns = [
    path("ws/<slug:route>", SocketView.as_view(require_origin=False)),
    path("favicon.ico", lambda request: HttpResponse(status=204)),
    path("<path:name>", app_file),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The built app, with the package as `npm pack` makes it."""
    if shutil.which("npm") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("npm is not installed")
    folder = tmp_path_factory.mktemp("app")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")

    def run(*command):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    tarball = run("npm", "pack", "--silent", str(JS)).strip()
    run("npm", "install", "--silent", "--no-audit", "--no-fund", f"./{tarball}", "vite@7", "typescript@5")
    run("npx", "tsc", "-p", ".")
    run("npx", "vite", "build")
    return folder / "dist"


def test_a_vite_app_builds_and_exchanges_messages(built, row, live_server, make_window, settings):  # noqa: F811
    settings.ROOT_URLCONF = __name__
    app_file.folder = built
    window = make_window()
    window.open(f"{live_server.url}/index.html?url={row.websocket_url}")
    wait_for_state(window, "open")
    wait_until(lambda: window.run("return window.answer") == 42)
    assert window.errors() == []
