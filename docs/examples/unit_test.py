from django.contrib.auth.models import User
from django.test import RequestFactory, SimpleTestCase

from django_aws_api_gateway_websockets.views import WebSocketView


class GreetingView(WebSocketView):
    greeting = ""

    def greet(self, request, *args, **kwargs):
        self.greeting = f"{self.body.get('text', 'Hello')}, {request.user.username}!"


class GreetingTests(SimpleTestCase):
    def test_greet_uses_the_text(self):
        view = GreetingView()
        view.body = {"text": "Welcome"}
        request = RequestFactory().post("/")
        request.user = User(username="ann")
        view.greet(request)
        self.assertEqual(view.greeting, "Welcome, ann!")
