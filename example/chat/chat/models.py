from __future__ import annotations

from django.conf import settings
from django.db import models


class Message(models.Model):
    """A message that somebody wrote in a room."""

    MAX_LENGTH = 500

    room = models.CharField(max_length=50)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    text = models.CharField(max_length=MAX_LENGTH)
    sent_on = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["sent_on", "pk"]
        indexes = [models.Index(fields=["room", "sent_on"], name="chat_message_room")]

    def __str__(self) -> str:
        return self.text

    def as_json(self) -> dict[str, object]:
        return {"id": self.pk, "from": self.user.get_username(), "text": self.text, "sent_on": self.sent_on}
