from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.dispatch import receiver
from django.utils import timezone

from django_aws_api_gateway_websockets.presence import is_online, online, presence
from django_aws_api_gateway_websockets.signals import user_offline
from django_aws_api_gateway_websockets.views import WebSocketView


class RoomView(WebSocketView):
    login_required = True


def who_is_in(room):
    """Return the name of each user in a room, with the number of the user's tabs."""
    return {user.get_username(): tabs for user, tabs in presence(f"room-{room}").users.items()}


def team(group):
    """Return the members of a group. Those who are online come first."""
    members = get_user_model().objects.filter(groups=group).order_by("username")
    there = online(members)
    return sorted(members, key=lambda member: member not in there)


@receiver(user_offline, dispatch_uid="note_last_seen")
def note_last_seen(sender, user, **kwargs):
    cache.set(f"last-seen-{user.pk}", timezone.now(), timeout=None)


def last_seen(user):
    """Return "now", a time, or None if the user was never seen."""
    return "now" if is_online(user) else cache.get(f"last-seen-{user.pk}")
