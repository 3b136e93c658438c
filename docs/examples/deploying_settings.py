ALLOWED_HOSTS = ["www.example.com"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
STATIC_ROOT = "/srv/mysite/static"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:6379"}}
WEBSOCKETS = {
    "ALLOWED_TARGET_HOSTS": ["www.example.com"],
    "BACKGROUND": "celery",  # or "tasks"; without a task engine, leave this line out
}
