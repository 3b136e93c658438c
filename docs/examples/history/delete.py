from django_aws_api_gateway_websockets.models import ChannelHistory

ChannelHistory.objects.all().delete()
