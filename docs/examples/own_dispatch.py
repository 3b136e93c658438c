from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt

from django_aws_api_gateway_websockets.views import WebSocketView


@method_decorator(csrf_exempt, name="dispatch")
class MeasuredView(WebSocketView):
    def dispatch(self, request, *args, **kwargs):
        response = super().dispatch(request, *args, **kwargs)
        response["X-Handled-By"] = type(self).__name__
        return response
