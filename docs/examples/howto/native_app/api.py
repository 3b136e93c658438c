from django.contrib.auth import authenticate, get_user_model
from django.core import signing
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from django_aws_api_gateway_websockets.views import WebSocketTokenView, WebSocketView

SALT = "native_app.key"
DAYS = 30


class AppView(WebSocketView):
    login_required = True
    require_token = True
    require_origin = False  # An app sends no Origin. The token identifies the user.


@csrf_exempt  # The app has no cookies, so no page can use them.
@require_POST
def log_in(request):
    """Answer a name and a password with the key that the app keeps."""
    user = authenticate(request, username=request.POST.get("username"), password=request.POST.get("password"))
    if user is None:
        return JsonResponse({"message": "Wrong name or password."}, status=401)
    return JsonResponse({"key": signing.dumps([user.pk, user.get_session_auth_hash()], salt=SALT)})


@csrf_exempt
@require_POST
def socket_token(request):
    """Answer the key in `Authorization: Bearer KEY` with a token for one handshake."""
    user = user_of(request.headers.get("Authorization", "").partition("Bearer ")[2])
    if user is None:
        return JsonResponse({"message": "Log in again."}, status=401)
    request.user = user
    return WebSocketTokenView().post(request)


def user_of(key):
    """Return the user of a key, or None if the key is wrong, too old, or older than the user's password."""
    try:
        pk, password = signing.loads(key, salt=SALT, max_age=DAYS * 24 * 60 * 60)
    except signing.BadSignature:
        return None
    user = get_user_model().objects.filter(pk=pk, is_active=True).first()
    return user if user is not None and user.get_session_auth_hash() == password else None
