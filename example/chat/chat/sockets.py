"""The socket of a room: a method for each action of the page."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpResponseBadRequest, HttpResponseForbidden

from django_aws_api_gateway_websockets.history import publish
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.presence import presence
from django_aws_api_gateway_websockets.views import WebSocketView

from .models import Message
from .rooms import BOARD, ROOMS


class ChatView(WebSocketView):
    def connect(self, request, *args, **kwargs):
        """Accept the connection. Nothing can be sent here, because the socket opens after this returns."""
        if not request.user.is_authenticated:
            return HttpResponseForbidden("Log in first.")
        if self.get_channel_name(request) not in {*ROOMS, BOARD}:
            return HttpResponseBadRequest("There is no such room.")
        return super().connect(request, *args, **kwargs)

    def disconnect(self, request, *args, **kwargs):
        super().disconnect(request, *args, **kwargs)
        if self.websocket_session:
            self.send_who()

    def hello(self, request, *args, **kwargs):
        """Handle the page's first message: send the names of the users in the room to everybody."""
        self.send_who()

    def say(self, request, *args, **kwargs):
        with transaction.atomic():
            message = self.write_message(request.user)
            if message:
                publish(self.room, {"type": "message", **message.as_json()}, user=request.user)

    def pin(self, request, *args, **kwargs):
        """Add a note to the board. The page of the board uses htmx, so everybody gets HTML."""
        note = self.write_message(request.user)
        if note:
            self.everyone().send_html("chat/pinned.html", {"note": note})

    def typing(self, request, *args, **kwargs):
        self.everyone().exclude(user=request.user).send_message({"type": "typing", "user": request.user.username})

    def default(self, request, *args, **kwargs):
        """Handle every other action."""
        self.send_error(f"There is no action {self.body['action']!r}.")

    @property
    def room(self):
        return self.websocket_session.channel_name

    def everyone(self):
        """The open connections of this room. A user has one for each tab."""
        return WebSocketSession.objects.filter(channel_name=self.room, connected=True)

    def write_message(self, user):
        """Save the message and return it. If it is not valid, tell the client and return None."""
        text = self.body.get("text")
        if isinstance(text, str) and 0 < len(text.strip()) <= Message.MAX_LENGTH:
            return Message.objects.create(room=self.room, user=user, text=text.strip())
        self.send_error(f"A message has 1 to {Message.MAX_LENGTH} characters.")
        return None

    def send_who(self):
        users = presence(self.room).users
        self.everyone().send_message({"type": "who", "users": sorted(user.get_username() for user in users)})

    def send_error(self, text):
        self.websocket_session.send_message({"type": "error", "text": text})
