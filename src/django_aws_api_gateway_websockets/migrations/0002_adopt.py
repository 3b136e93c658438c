from django.conf import settings
from django.db import migrations

from django_aws_api_gateway_websockets.adoption import bring_over


class Migration(migrations.Migration):

    dependencies = [
        ('django_aws_api_gateway_websockets', '0001_websockets'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(bring_over, migrations.RunPython.noop),
    ]
