# The site is on www.example.com, the sockets are on ws.www.example.com.
SESSION_COOKIE_DOMAIN = "www.example.com"  # sockets on ws.example.com: "example.com"
SESSION_COOKIE_NAME = "shared_sessionid"  # a name for which browsers do not have a cookie yet
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = ["https://www.example.com"]
