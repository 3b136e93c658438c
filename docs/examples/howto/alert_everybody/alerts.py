from django_aws_api_gateway_websockets.models import WebSocketSession


def alert(text):
    """Show `text` to everybody who is connected. Return the ids of connections that were not reached."""
    report = WebSocketSession.objects.all().send_message({"type": "alert", "text": text}, deadline=60)
    return [*report.slow, *report.throttled, *report.timed_out, *report.not_tried, *report.failed]
