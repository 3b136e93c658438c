import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import django_aws_api_gateway_websockets.fields
import django_aws_api_gateway_websockets.models.announced
import django_aws_api_gateway_websockets.models.deletion
import django_aws_api_gateway_websockets.models.history
import django_aws_api_gateway_websockets.models.indexes
import django_aws_api_gateway_websockets.models.memberships
import django_aws_api_gateway_websockets.models.sending
import django_aws_api_gateway_websockets.models.validators
import uuid
from django.conf import settings
from django.db import migrations, models

from django_aws_api_gateway_websockets.adoption import set_aside


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(set_aside, migrations.RunPython.noop, atomic=False),
        migrations.CreateModel(
            name='ApiGateway',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('api_name', models.CharField(max_length=128, verbose_name='API name')),
                ('api_description', models.CharField(blank=True, max_length=1024, verbose_name='API description')),
                ('default_channel_name', django_aws_api_gateway_websockets.fields.ExactCharField(blank=True, help_text='The channel for connections without the query parameter “channel”.', max_length=255, verbose_name='default channel name')),
                ('target_base_endpoint', django_aws_api_gateway_websockets.fields.HttpUrlField(help_text='The URL where WebSocketView is mounted, without the route: https://www.example.com/ws/', max_length=500, verbose_name='target base endpoint')),
                ('is_local', models.BooleanField(default=False, help_text='Create the API on the local gateway only (LOCAL_GATEWAY of the setting WEBSOCKETS).', verbose_name='local')),
                ('domain_name', models.CharField(blank=True, help_text='Your own domain: ws.example.com', max_length=253, validators=[django.core.validators.RegexValidator('^(\\*\\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\\Z', 'Enter a domain name in lower case, without https:// and path: ws.example.com'), django_aws_api_gateway_websockets.models.validators.check_allowed_domain], verbose_name='domain name')),
                ('certificate_arn', models.CharField(blank=True, help_text='A certificate of Certificate Manager (ACM) for the domain name, in the region of the API.', max_length=2048, validators=[django.core.validators.RegexValidator('^arn:aws[a-z-]*:(acm|iam):[a-z0-9-]*:\\d*:\\S+\\Z', 'Enter the ARN of a certificate: arn:aws:acm:REGION:ACCOUNT:certificate/ID')], verbose_name='certificate ARN')),
                ('api_mapping_key', models.CharField(blank=True, help_text='The path under the domain name, for several APIs on one domain: wss://ws.example.com/KEY', max_length=128, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9_.+/-]+\\Z', 'Letters, digits and _.+/- only.')], verbose_name='API mapping key')),
                ('hosted_zone_id', models.CharField(blank=True, max_length=64, validators=[django.core.validators.RegexValidator('^[A-Z0-9]{1,32}\\Z', 'Enter the id of a Route 53 zone: Z0123456789ABC'), django_aws_api_gateway_websockets.models.validators.check_allowed_zone], verbose_name='hosted zone id')),
                ('manage_dns_record', models.BooleanField(default=False, help_text='Create the alias record of the domain name in the hosted zone (Route 53).', verbose_name='manage the DNS record')),
                ('api_key_selection_expression', models.CharField(default='$request.header.x-api-key', max_length=128, verbose_name='API key selection expression')),
                ('route_selection_expression', models.CharField(default='$request.body.action', max_length=128, verbose_name='route selection expression')),
                ('route_key', models.CharField(default='$default', help_text='API Gateway uses this for HTTP APIs only. It is stored and never sent.', max_length=128, verbose_name='route key')),
                ('integration_timeout', models.PositiveIntegerField(default=29000, help_text='Milliseconds that the gateway waits for this site to answer: 50 to 29000.', validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(29000)], verbose_name='integration timeout')),
                ('two_way_replies', models.BooleanField(default=False, help_text='Send the response of a handler back to the client. It is not documented what the client gets for an empty response.', verbose_name='two-way replies')),
                ('disable_execute_api_endpoint', models.BooleanField(default=False, help_text='Serve clients through the custom domain only. Messages are sent through it too.', verbose_name='disable the execute-api endpoint')),
                ('ip_address_type', models.CharField(choices=[('ipv4', 'IPv4'), ('dualstack', 'IPv4 and IPv6')], default='ipv4', max_length=16, verbose_name='IP address type')),
                ('stage_name', models.CharField(blank=True, help_text='The default is “production”.', max_length=128, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9_-]{1,128}\\Z', 'Use letters, digits, hyphens and underscores only.')], verbose_name='stage name')),
                ('stage_description', models.CharField(blank=True, max_length=1024, verbose_name='stage description')),
                ('stage_variables', models.JSONField(blank=True, default=dict, help_text='For ${stageVariables.NAME} in integration URLs: {"version": "2"}. Keep no secrets in them.', validators=[django_aws_api_gateway_websockets.models.validators.check_stage_variables], verbose_name='stage variables')),
                ('throttling_rate', models.FloatField(blank=True, help_text="Requests per second over all connections. Leave empty for the account's limit.", null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='throttling rate')),
                ('throttling_burst', models.PositiveIntegerField(blank=True, help_text="Requests at once. Leave empty for the account's limit.", null=True, verbose_name='throttling burst')),
                ('access_log_destination', models.CharField(blank=True, help_text='The ARN of a CloudWatch log group or a Firehose stream.', max_length=2048, validators=[django.core.validators.RegexValidator('^arn:[^\\s]+\\Z', 'Enter an ARN: arn:aws:…')], verbose_name='access log destination')),
                ('access_log_format', models.CharField(blank=True, help_text='One line: {"requestId": "$context.requestId", "route": "$context.routeKey"}', max_length=3000, verbose_name='access log format')),
                ('logging_level', models.CharField(choices=[('OFF', 'off'), ('ERROR', 'errors'), ('INFO', 'all events')], default='OFF', max_length=5, verbose_name='execution logging level')),
                ('detailed_metrics', models.BooleanField(default=False, verbose_name='detailed metrics')),
                ('data_trace', models.BooleanField(default=False, help_text='Write every message in full, with headers, to the execution log. Anyone who may read the log reads what your users send. Leave this off in production.', verbose_name='data tracing')),
                ('client_certificate_id', models.CharField(blank=True, help_text='The client certificate that API Gateway presents to this site.', max_length=64, verbose_name='client certificate id')),
                ('tags', models.JSONField(blank=True, default=dict, help_text='Tags of the API and its resources: {"team": "web"}', validators=[django_aws_api_gateway_websockets.models.validators.check_tags], verbose_name='tags')),
                ('api_id', models.CharField(blank=True, default=None, max_length=64, null=True, unique=True, verbose_name='API id')),
                ('api_endpoint', models.CharField(blank=True, max_length=500, verbose_name='API endpoint')),
                ('api_gateway_domain_name', models.CharField(blank=True, help_text='Point the DNS record of your domain name here.', max_length=253, verbose_name='API gateway domain name')),
                ('api_mapping_id', models.CharField(blank=True, max_length=64, verbose_name='API mapping id')),
                ('api_created', models.BooleanField(default=False, verbose_name='API created')),
                ('custom_domain_created', models.BooleanField(default=False, verbose_name='custom domain created')),
                ('reference', models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name='reference')),
                ('status', models.CharField(choices=[('', 'never compared'), ('in_step', 'in step'), ('differs', 'differs'), ('lacks_domain', 'custom domain not created'), ('not_created', 'not created'), ('unreachable', 'unreachable')], default='', editable=False, max_length=16, verbose_name='status')),
                ('status_checked_on', models.DateTimeField(editable=False, null=True, verbose_name='status checked on')),
                ('last_error', models.TextField(blank=True, editable=False, verbose_name='last error')),
                ('sends_secret', models.BooleanField(editable=False, help_text="Whether every integration sent the gateway's secret at the last comparison. Without the secret, the view refuses events with 403.", null=True, verbose_name='sends the secret')),
                ('served_stage_name', models.CharField(blank=True, editable=False, max_length=128)),
                ('execute_api_closed', models.BooleanField(default=False, editable=False)),
                ('mapped_domain_name', models.CharField(blank=True, editable=False, max_length=253)),
                ('mapped_hosted_zone_id', models.CharField(blank=True, editable=False, max_length=64)),
                ('mapped_key', models.CharField(blank=True, editable=False, max_length=128)),
                ('locked_by', models.CharField(blank=True, editable=False, max_length=64)),
                ('locked_until', models.DateTimeField(editable=False, null=True)),
                ('created_on', models.DateTimeField(auto_now_add=True, verbose_name='created on')),
                ('updated_on', models.DateTimeField(auto_now=True, verbose_name='updated on')),
            ],
            options={
                'verbose_name': 'API gateway',
                'verbose_name_plural': 'API gateways',
            },
        ),
        migrations.CreateModel(
            name='ChannelRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pattern', django_aws_api_gateway_websockets.fields.ExactCharField(help_text='“*” matches any text, “?” matches one character, and “{user_pk}” matches the primary key of the user who joins.', max_length=255, verbose_name='channel or pattern')),
                ('audience', models.CharField(choices=[('anyone', 'anyone'), ('logged_in', 'logged-in users'), ('staff', 'staff'), ('group', 'a group'), ('permission', 'users with a permission')], default='logged_in', max_length=16, verbose_name='audience')),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='auth.group', verbose_name='group')),
                ('permission', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='auth.permission', verbose_name='permission')),
            ],
            options={
                'verbose_name': 'channel rule',
                'verbose_name_plural': 'channel rules',
            },
        ),
        migrations.CreateModel(
            name='ApiGatewayAdditionalRoute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='A name for the admin. It is not sent to AWS.', max_length=128, verbose_name='name')),
                ('route_key', models.CharField(help_text='The value that selects this route: “orders” selects {"action": "orders", …}.', max_length=128, validators=[django.core.validators.RegexValidator('^[^$\\s\'\\"][^\\s\'\\"]*\\Z', 'A route key cannot contain spaces or quotes, or begin with $.')], verbose_name='route key')),
                ('integration_url', django_aws_api_gateway_websockets.fields.HttpUrlField(help_text='The URL that gets these messages, such as https://www.example.com/ws/orders. The last part of the URL is the route that the view receives. It also names the method that handles the message.', max_length=500, verbose_name='integration URL')),
                ('deployed', models.BooleanField(default=False, editable=False, verbose_name='deployed')),
                ('api_gateway', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='additional_routes', to='django_aws_api_gateway_websockets.apigateway', verbose_name='API gateway')),
            ],
            options={
                'verbose_name': 'additional route',
                'verbose_name_plural': 'additional routes',
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('api_gateway', 'route_key'), name='websockets_one_route_per_key')],
            },
        ),
        migrations.CreateModel(
            name='WebSocketSession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('connection_id', django_aws_api_gateway_websockets.fields.ExactCharField(max_length=128, verbose_name='connection id')),
                ('channel_name', django_aws_api_gateway_websockets.fields.ExactCharField(blank=True, max_length=255, verbose_name='channel name')),
                ('stage_name', models.CharField(blank=True, max_length=128, verbose_name='stage name')),
                ('connected', models.BooleanField(default=True, verbose_name='connected')),
                ('closed_reason', models.CharField(blank=True, choices=[('client', 'closed by the client or by API Gateway'), ('gone', 'found gone while sending'), ('expired', 'end of the two hours that API Gateway allows'), ('swept', 'found gone by the clean-up'), ('refused', 'refused on connect'), ('logout', 'logout'), ('session_ended', 'end of the login session'), ('password_changed', 'password change'), ('user_inactive', 'user deactivated'), ('user_deleted', 'user deleted'), ('site', 'closed by the site'), ('kicked', 'removed by the site'), ('waiting', 'waiting for its hand-over'), ('moved', 'replaced by another connection')], max_length=32, verbose_name='why closed')),
                ('source_ip', models.CharField(blank=True, max_length=45, verbose_name='from')),
                ('user_agent', models.CharField(blank=True, max_length=255, verbose_name='browser')),
                ('session_key_hash', models.CharField(blank=True, editable=False, max_length=64)),
                ('session_auth_hash', models.CharField(blank=True, editable=False, max_length=128)),
                ('protocol_version', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('hand_over_with', django_aws_api_gateway_websockets.fields.ExactCharField(blank=True, editable=False, max_length=128)),
                ('language', models.CharField(blank=True, editable=False, max_length=16)),
                ('last_activity_on', models.DateTimeField(default=django.utils.timezone.now, verbose_name='last activity on')),
                ('created_on', models.DateTimeField(auto_now_add=True, verbose_name='created on')),
                ('updated_on', models.DateTimeField(auto_now=True, verbose_name='updated on')),
                ('api_gateway', models.ForeignKey(db_index=False, on_delete=django_aws_api_gateway_websockets.models.deletion.refuse_or_cascade, related_name='sessions', to='django_aws_api_gateway_websockets.apigateway', verbose_name='API gateway')),
                ('user', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django_aws_api_gateway_websockets.models.deletion.disconnect_and_cascade, related_name='websocket_sessions', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'WebSocket session',
                'verbose_name_plural': 'WebSocket sessions',
                'indexes': [django_aws_api_gateway_websockets.models.indexes.ConnectedIndex(fields=['channel_name', 'id'], name='websockets_channel'), django_aws_api_gateway_websockets.models.indexes.SpeakingIndex(fields=['session_key_hash'], name='websockets_login'), django_aws_api_gateway_websockets.models.indexes.ConnectedIndex(fields=['api_gateway'], name='websockets_gateway'), models.Index(fields=['user', 'connected'], name='websockets_user')],
                'constraints': [models.UniqueConstraint(fields=('connection_id',), name='websockets_connection_id')],
            },
            bases=(django_aws_api_gateway_websockets.models.sending.SendingSession, models.Model),
        ),
        migrations.CreateModel(
            name='ChannelMembership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel_name', django_aws_api_gateway_websockets.fields.ExactCharField(max_length=255, verbose_name='channel name')),
                ('connected', models.BooleanField(default=True, editable=False, verbose_name='connected')),
                ('session', models.ForeignKey(db_index=False, on_delete=django_aws_api_gateway_websockets.models.memberships.cascade_unseen, related_name='memberships', to='django_aws_api_gateway_websockets.websocketsession', verbose_name='session')),
            ],
            options={
                'verbose_name': 'channel membership',
                'verbose_name_plural': 'channel memberships',
                'indexes': [django_aws_api_gateway_websockets.models.indexes.ConnectedIndex(fields=['channel_name', 'session'], name='websockets_members')],
                'constraints': [models.UniqueConstraint(fields=('session', 'channel_name'), name='websockets_one_membership')],
            },
        ),
        migrations.CreateModel(
            name='AnnouncedUser',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel_name', django_aws_api_gateway_websockets.fields.ExactCharField(blank=True, max_length=255, verbose_name='channel name')),
                ('check_after', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(on_delete=django_aws_api_gateway_websockets.models.announced.announce_and_delete, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'announced user',
                'verbose_name_plural': 'announced users',
                'indexes': [models.Index(fields=['check_after'], name='websockets_check_after')],
                'constraints': [models.UniqueConstraint(fields=('channel_name', 'user'), name='websockets_one_announcement')],
            },
        ),
        migrations.CreateModel(
            name='ChannelHistory',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel_name', django_aws_api_gateway_websockets.fields.ExactCharField(max_length=255, verbose_name='channel name')),
                ('epoch', models.CharField(max_length=16, verbose_name='epoch')),
                ('last_offset', models.BigIntegerField(default=0, verbose_name='last offset')),
                ('last_tag', models.CharField(blank=True, max_length=16, verbose_name='last tag')),
            ],
            options={
                'verbose_name': 'channel history',
                'verbose_name_plural': 'channel histories',
                'constraints': [models.UniqueConstraint(fields=('channel_name',), name='websockets_one_history')],
            },
        ),
        migrations.CreateModel(
            name='HistoryMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_id', django_aws_api_gateway_websockets.fields.ExactCharField(blank=True, max_length=128, null=True, verbose_name='message id')),
                ('excluded', models.CharField(blank=True, max_length=160, verbose_name='excluded recipient')),
                ('body', models.TextField(blank=True, verbose_name='message')),
                ('size', models.PositiveIntegerField(default=0, verbose_name='size in bytes')),
                ('created_on', models.DateTimeField(default=django.utils.timezone.now, verbose_name='created on')),
                ('offset', models.BigIntegerField(verbose_name='offset')),
                ('tag', models.CharField(max_length=16, verbose_name='tag')),
                ('history', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='django_aws_api_gateway_websockets.channelhistory', verbose_name='channel history')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django_aws_api_gateway_websockets.models.history.empty_messages, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'history message',
                'verbose_name_plural': 'history messages',
                'constraints': [models.UniqueConstraint(fields=('history', 'offset'), name='websockets_one_offset'), django_aws_api_gateway_websockets.models.indexes.UniqueIfSet(fields=('history', 'message_id'), name='websockets_one_message')],
            },
        ),
        migrations.CreateModel(
            name='WaitingMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_id', django_aws_api_gateway_websockets.fields.ExactCharField(blank=True, max_length=128, null=True, verbose_name='message id')),
                ('excluded', models.CharField(blank=True, max_length=160, verbose_name='excluded recipient')),
                ('body', models.TextField(blank=True, verbose_name='message')),
                ('size', models.PositiveIntegerField(default=0, verbose_name='size in bytes')),
                ('created_on', models.DateTimeField(default=django.utils.timezone.now, verbose_name='created on')),
                ('channel_name', django_aws_api_gateway_websockets.fields.ExactCharField(max_length=255, verbose_name='channel name')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django_aws_api_gateway_websockets.models.memberships.cascade_unseen, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'waiting message',
                'verbose_name_plural': 'waiting messages',
                'indexes': [models.Index(fields=['channel_name'], name='websockets_waiting')],
            },
        ),
    ]
