"""Django's settings for every environment. Values that differ between machines are environment variables, read
by `keyadmin/env.py`. `keyadmin/conf.py` describes keyadmin's own settings.
"""

from django.utils.csp import CSP

from keyadmin import env
from keyadmin.db import urls
from keyadmin.server import body_sizes, logs

# The wheel has templates, translations and the collected static files inside the package.
BASE_DIR = env.ROOT if env.IS_CHECKOUT else env.ROOT / "keyadmin"
ENVIRONMENT = env.environment()
PRODUCTION = ENVIRONMENT == env.PRODUCTION

SECRET_KEY = env.secret_key()
DEBUG = False
ALLOWED_HOSTS = env.allowed_hosts()
CSRF_FAILURE_VIEW = "keyadmin.web.common.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.csv("KEYADMIN_TRUSTED_ORIGINS")

KEYADMIN_PEPPERS = env.peppers()
KEYADMIN_CURRENT_PEPPER = env.current_pepper()
KEYADMIN_JWT_KEY = env.jwt_key()
KEYADMIN_TRUSTED_PROXIES = env.networks("KEYADMIN_TRUSTED_PROXIES")
KEYADMIN_BASE_URL = env.text("KEYADMIN_BASE_URL", "")
KEYADMIN_CALLS_DATABASE_OVERRIDES = urls.overrides(urls.CALLS)
KEYADMIN_OWNER_DATABASE_OVERRIDES = urls.overrides(urls.OWNER)
KEYADMIN_DATABASE_ROLES = urls.roles()
KEYADMIN_METRICS_TOKEN = env.metrics_token()
KEYADMIN_REQUIRE_HTTPS = PRODUCTION
KEYADMIN_MAX_CACHED_SNAPSHOTS = env.integer("KEYADMIN_MAX_CACHED_SNAPSHOTS", 20_000, minimum=1)
KEYADMIN_THREADS = env.integer("KEYADMIN_THREADS", 8, minimum=1)
KEYADMIN_OPEN_REQUESTS_PER_MINUTE = env.integer("KEYADMIN_OPEN_REQUESTS_PER_MINUTE", 120, minimum=1)
KEYADMIN_DURABLE_COUNTS = env.flag("KEYADMIN_DURABLE_COUNTS", default=False)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "keyadmin",  # after auth: it disconnects a receiver that auth connects
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django.forms",  # the templates of widgets, for FORM_RENDERER
    "allauth",
    "allauth.account",
    "django_htmx",
]

MIDDLEWARE = [
    "keyadmin.server.request_middleware.RequestMiddleware",
    "keyadmin.server.health.HealthMiddleware",
    "keyadmin.server.metrics.MetricsMiddleware",
    "keyadmin.api.middleware.HttpsMiddleware",  # before the redirect of SecurityMiddleware
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "keyadmin.api.middleware.ApiMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "keyadmin.server.request_limits.RequestLimitsMiddleware",  # behind what its error pages need
    "keyadmin.web.common.middleware.PageMiddleware",
]

ROOT_URLCONF = "keyadmin.urls"
WSGI_APPLICATION = "keyadmin.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "django_htmx.templatetags.django_htmx",
                "keyadmin.web.templatetags.icons",
                "keyadmin.web.templatetags.pasted",
                "keyadmin.web.templatetags.pictures",
                "keyadmin.web.templatetags.ui",
            ],
            "libraries": {"history": "keyadmin.web.templatetags.history"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "keyadmin.web.common.navigation.shell",
            ],
        },
    },
]

FORM_RENDERER = "keyadmin.forms.renderer.FormRenderer"

DATABASES = {"default": urls.database_config()}
# Connections of pages and commands. The call path opens its own.
DATABASES["default"].update({"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True})
_OPTIONS = DATABASES["default"]["OPTIONS"]
_OPTIONS["options"] = f"-c lock_timeout=5s -c idle_in_transaction_session_timeout=60s {_OPTIONS.get('options', '')}"
CACHES = {
    # In the database, so that all processes share the counters that throttle sign-ins.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        # With Django's default of 300, a client with many addresses could evict the counters.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

AUTH_USER_MODEL = "keyadmin.Person"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["keyadmin.operations.people.password_hasher.BoundedArgon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "keyadmin.operations.people.password_rules.PredictablePasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "keyadmin.web.account.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
# By client address. Limits by account, across addresses, are in keyadmin/operations/people/throttle.py.
# `api_token` is the limit of keyadmin/web/api_docs/views.py.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": "10/m/ip,8/5m/key",
    "reset_password": "20/m/ip",
    "api_token": "10/m/user",
}

DATA_UPLOAD_MAX_MEMORY_SIZE = body_sizes.MAX_BODY_SIZE

SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 12
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = PRODUCTION
if PRODUCTION:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    KEYADMIN_DEVICE_COOKIE_NAME = "__Host-device"
    # One hour, so that a mistake does not last. More only if the operator says so.
    SECURE_HSTS_SECONDS = env.integer("KEYADMIN_HSTS_SECONDS", 60 * 60, maximum=2 * 365 * 24 * 60 * 60)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("KEYADMIN_HSTS_SUBDOMAINS", default=False)
    SECURE_HSTS_PRELOAD = env.flag("KEYADMIN_HSTS_PRELOAD", default=False)
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # that the two are not set
    if env.flag("KEYADMIN_TRUST_FORWARDED_PROTO", default=False):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
}

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English")]
TIME_ZONE = "UTC"
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"] if env.IS_CHECKOUT else []
# Collected files have hashes in their names. A checkout in development serves the sources instead.
_COLLECTED = PRODUCTION or not env.IS_CHECKOUT
STATIC_ROOT = env.text("KEYADMIN_STATIC_ROOT", str(BASE_DIR / "staticfiles")) if _COLLECTED else None
WHITENOISE_USE_FINDERS = not _COLLECTED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "keyadmin.server.static_storage.JoinedStaticFilesStorage"
        if _COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# A mail server is optional: administrators can copy the links. Development prints mail. Production must not, because
# a reader of the log could then use the links to choose passwords.
MAILERS: dict[str, dict[str, object]] = {
    "default": {"BACKEND": f"django.core.mail.backends.{'dummy' if PRODUCTION else 'console'}.EmailBackend"}
}
if host := env.text("KEYADMIN_SMTP_HOST", ""):
    MAILERS["default"] = {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": host,
            "port": env.integer("KEYADMIN_SMTP_PORT", 587, minimum=1, maximum=65535),
            "username": env.text("KEYADMIN_SMTP_USER", ""),
            "password": env.secret("KEYADMIN_SMTP_PASSWORD"),
            "use_tls": env.flag("KEYADMIN_SMTP_TLS", default=True),
            "timeout": 20,
        },
    }
DEFAULT_FROM_EMAIL = env.text("KEYADMIN_MAIL_FROM", "keyadmin@localhost")
LOGGING_CONFIG = None
logs.configure(ENVIRONMENT)
