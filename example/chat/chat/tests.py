"""`manage.py test chat`: the socket's handlers, in process, with the package's test client."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import TestCase

from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused

from .models import Message
from .views import SHOWN


class ChatTests(TestCase):
    def enter(self, name, room="lobby"):
        """Return the socket of `name` in `room`, after its first message."""
        user, _ = User.objects.get_or_create(username=name)
        client = GatewayClient()
        client.force_login(user)
        socket = client.connect("/ws/", channel=room)
        socket.send_json({"action": "hello"})
        return socket

    def test_what_one_writes_the_others_in_the_room_read(self):
        alice, bob, carol = self.enter("alice"), self.enter("bob"), self.enter("carol", room="kitchen")
        for socket in (alice, bob, carol):
            read_all(socket)

        alice.send_json({"action": "say", "text": " Hello, Bob "})

        for socket in (alice, bob):
            (message,) = read_all(socket)
            self.assertEqual((message["type"], message["from"], message["text"]), ("message", "alice", "Hello, Bob"))
        self.assertEqual(read_all(carol), [])

    def test_everybody_learns_who_comes_and_who_leaves(self):
        alice = self.enter("alice")
        bob = self.enter("bob")
        second_tab = self.enter("bob")
        self.assertEqual(read_all(alice)[-1], {"type": "who", "users": ["alice", "bob"]})

        second_tab.disconnect()
        self.assertEqual(read_all(alice)[-1], {"type": "who", "users": ["alice", "bob"]})
        bob.disconnect()
        self.assertEqual(read_all(alice)[-1], {"type": "who", "users": ["alice"]})

    def test_a_user_who_reconnects_gets_the_missed_messages(self):
        alice, bob = self.enter("alice"), self.enter("bob")
        alice.send_json({"action": "say", "text": "Before"})
        at = read_all(bob)[-1]["_ws"]["at"]
        bob.vanish()
        for number in range(3):
            alice.send_json({"action": "say", "text": f"message {number}"})

        back = self.enter("bob")
        read_all(back)
        back.send_json({"action": "_ws", "_ws": {"id": "join-1", "join": {"lobby": at}}})

        missed = read_all(back)[-1]["_ws"]["missed"]
        self.assertEqual([entry["message"]["text"] for entry in missed], [f"message {n}" for n in range(3)])

    def test_the_others_see_that_somebody_writes(self):
        alice, bob = self.enter("alice"), self.enter("bob")
        for socket in (alice, bob):
            read_all(socket)
        alice.send_json({"action": "typing"})

        self.assertEqual(read_all(bob), [{"type": "typing", "user": "alice"}])
        self.assertEqual(read_all(alice), [])

    def test_nonsense_is_answered_and_not_kept(self):
        alice = self.enter("alice")
        read_all(alice)
        for message in ({"action": "dance"}, {"action": "say"}, {"action": "say", "text": " "}, {"action": "_run"}):
            alice.send_json(message)
            self.assertEqual([answer["type"] for answer in read_all(alice)], ["error"], message)
        alice.send_json({"action": "say", "text": "x" * 501})
        self.assertEqual(read_all(alice), [{"type": "error", "text": "A message has 1 to 500 characters."}])
        self.assertEqual(Message.objects.count(), 0)

    def test_only_users_may_connect_and_only_to_rooms(self):
        with self.assertRaises(HandshakeRefused) as refused:
            GatewayClient().connect("/ws/", channel="lobby")
        self.assertEqual(refused.exception.status_code, 403)
        with self.assertRaises(HandshakeRefused) as refused:
            self.enter("alice", room="cellar")
        self.assertEqual(refused.exception.status_code, 400)


class PageTests(TestCase):
    def setUp(self):
        endpoint = {"api_id": "a1b2c3d4", "api_endpoint": "ws://127.0.0.1:8001/a1b2c3d4", "api_created": True}
        ApiGateway.objects.create(api_name="Chat", target_base_endpoint="http://127.0.0.1:8000/ws/", **endpoint)
        self.alice = User.objects.create_user("alice", password="secret")

    def test_the_way_in(self):
        self.assertRedirects(self.client.get("/", follow=True), "/login/?next=/rooms/lobby/")
        wrong = self.client.post("/login/", {"username": "alice", "password": "wrong"})
        self.assertContains(wrong, "do not go together")
        login = {"username": "alice", "password": "secret", "next": "/rooms/kitchen/"}
        self.assertRedirects(self.client.post("/login/", login), "/rooms/kitchen/")

    def test_the_page_opens_its_socket_where_its_cookies_are(self):
        self.client.force_login(self.alice)
        for host in ("127.0.0.1", "localhost"):
            page = self.client.get("/rooms/kitchen/", headers={"host": f"{host}:8000"})
            url = f"ws://{host}:8001/a1b2c3d4/production?channel=kitchen"
            self.assertContains(page, f'data-socket="{url}"')
            self.assertContains(page, f'"url": "{url}"')

    def test_the_page_has_the_latest_messages_and_their_position(self):
        for number in range(60):
            Message.objects.create(room="kitchen", user=self.alice, text=f"message {number}")
        self.client.force_login(self.alice)
        page = self.client.get("/rooms/kitchen/")
        self.assertContains(page, '<div data-live="kitchen" data-at="0:0:0">')
        self.assertEqual([m["text"] for m in page.context["messages"]], [f"message {n}" for n in range(60 - SHOWN, 60)])

    def test_a_page_that_was_refused_learns_why(self):
        page = {"headers": {"sec-fetch-site": "same-origin"}}
        self.assertEqual(self.client.get("/ws-check/?channel=lobby", **page).json(), {"message": "Log in first."})
        self.client.force_login(self.alice)
        self.assertEqual(self.client.get("/ws-check/?channel=lobby", **page).json(), {"window": 0.5})
        self.assertEqual(self.client.get("/ws-check/?channel=cellar", **page).status_code, 400)

    def test_a_note_on_the_board_is_html_for_everybody(self):
        browsers = [GatewayClient(ApiGateway.objects.get(), SERVER_NAME="127.0.0.1") for _ in range(2)]
        for browser in browsers:
            browser.force_login(self.alice)
        first, second = [browser.connect("/ws/", channel="board") for browser in browsers]
        first.send_json({"action": "pin", "text": "<b>Milk</b>"})

        for html in (first.receive(), second.receive()):
            self.assertIn('hx-swap-oob="afterbegin"', html)
            self.assertIn("&lt;b&gt;Milk&lt;/b&gt;", html)
        self.client.force_login(self.alice)
        self.assertContains(self.client.get("/board/"), "&lt;b&gt;Milk&lt;/b&gt;")

    def test_there_are_no_other_rooms(self):
        self.client.force_login(self.alice)
        self.assertEqual(self.client.get("/rooms/cellar/").status_code, 404)


def read_all(socket):
    """Return the messages that the socket received since the last read."""
    messages = []
    while not socket.receive_nothing():
        messages.append(socket.receive_json())
    return messages
