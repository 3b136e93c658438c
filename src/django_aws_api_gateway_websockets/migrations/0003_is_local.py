from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_aws_api_gateway_websockets', '0002_what_is_served'),
    ]

    operations = [
        migrations.AddField(
            model_name='apigateway',
            name='is_local',
            field=models.BooleanField(default=False, help_text='Create the API on the local gateway (LOCAL_GATEWAY of the setting WEBSOCKETS), and never in AWS.', verbose_name='local'),
        ),
    ]
