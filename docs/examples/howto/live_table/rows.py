from django.contrib.auth.models import Group
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils.html import format_html, format_html_join

from django_aws_api_gateway_websockets.models import WebSocketSession

CHANNEL = "groups"


def row(group):
    return format_html('<tr id="group-{}"><td>{}</td></tr>', group.pk, group.name)


def rows():
    return format_html_join("", "{}", ((row(group),) for group in Group.objects.order_by("pk")))


@receiver(post_save, sender=Group, dispatch_uid="show_group")
def show_group(sender, instance, created, raw, **kwargs):
    html = row(instance)
    if created:
        html = format_html('<tbody id="groups" hx-swap-oob="beforeend">{}</tbody>', html)
    if not raw:  # `raw` is True while `loaddata` runs
        send(html)


@receiver(post_delete, sender=Group, dispatch_uid="remove_group")
def remove_group(sender, instance, **kwargs):
    send(format_html('<tr id="group-{}" hx-swap-oob="delete"></tr>', instance.pk))


def send(html):
    """Send HTML to every page that shows the table, after the commit."""
    WebSocketSession.objects.filter(channel_name=CHANNEL).send_text(html, on_commit=True)
