from django.contrib.auth import get_user_model
from django.db.models.signals import post_save
from django.dispatch import receiver

from django_aws_api_gateway_websockets.models import WebSocketSession


@receiver(post_save, sender=get_user_model(), dispatch_uid="tell_staff_about_new_user")
def tell_staff_about_new_user(sender, instance, created, raw, **kwargs):
    if created and not raw:  # `raw` is True while `loaddata` runs
        staff = WebSocketSession.objects.filter(user__is_staff=True)
        # Nothing is sent if the transaction is rolled back.
        staff.send_message({"type": "new_user", "username": instance.get_username()}, on_commit=True)
