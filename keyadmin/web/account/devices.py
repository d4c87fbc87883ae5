"""The cookie of a browser in which a person has signed in: it keeps others from locking the person out there."""

from django.http import HttpRequest, HttpResponse

from keyadmin.conf import conf
from keyadmin.models import Person
from keyadmin.operations.people import throttle


def remember(request: HttpRequest, response: HttpResponse, person: Person) -> None:
    response.set_cookie(
        conf.device_cookie_name,
        throttle.device_cookie(person),
        max_age=int(throttle.DEVICE_COOKIE_AGE.total_seconds()),
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
