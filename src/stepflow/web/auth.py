"""Who may come in: the operator's key, or a session that was opened with it.

A session is signed with a key made from the operator's, so it survives restarts and ends when the
key changes. The cookie is out of reach of scripts and of other sites.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

import msgspec
from starlette.responses import Response

from stepflow.errors import NotAuthenticated
from stepflow.web.call import Call, NoQuery
from stepflow.web.json import Answer
from stepflow.web.site import LOCAL

COOKIE = "stepflow_session"
"""In the scope of a request: whether it came through the unix socket."""
SESSION_SECONDS = 30 * 86_400


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The operator's key."""

    key: str


class SessionShape(msgspec.Struct, frozen=True):
    auth_enabled: bool
    authenticated: bool


class Access:
    """Decides by the key; without one everybody may come in."""

    def __init__(self, key: str | None) -> None:
        self._key = None if key is None else key.encode()
        self._signing = hmac.digest(key.encode(), b"stepflow session", "sha256") if key else b""

    @property
    def is_restricted(self) -> bool:
        return self._key is not None

    def opens(self, key: bytes) -> bool:
        return self._key is None or hmac.compare_digest(key, self._key)

    def session(self, now: float) -> str:
        """A new session's token, good for 30 days."""
        claim = f"{int(now) + SESSION_SECONDS}.{secrets.token_urlsafe(12)}"
        return f"{claim}.{self._signature(claim)}"

    def admits(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request's headers show the key or a session."""
        if self._key is None:
            return True
        if b"x-api-key" in headers:
            return self.opens(headers[b"x-api-key"])
        authorization = headers.get(b"authorization", b"")
        if authorization[:7].lower() == b"bearer ":
            return self.opens(authorization[7:].strip())
        return b"cookie" in headers and self._has_session(headers[b"cookie"], time.time())

    def _has_session(self, cookie: bytes, now: float) -> bool:
        try:
            morsel = SimpleCookie(cookie.decode("latin-1")).get(COOKIE)
        except CookieError:
            return False
        if morsel is None:
            return False
        claim, _, signature = morsel.value.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(claim).encode()):
            return False
        return int(claim.partition(".")[0]) > now

    def _signature(self, claim: str) -> str:
        return hmac.new(self._signing, claim.encode(), hashlib.sha256).hexdigest()


async def opened(call: Call[NoQuery, Key]) -> Response:
    """Open a session with the key: sets a cookie"""
    access = Access(call.site.settings.api_key)
    if not access.opens(call.body.key.encode("utf-8", "surrogatepass")):
        raise NotAuthenticated("this is not the key")
    answer = Answer(SessionShape(access.is_restricted, authenticated=True))
    if access.is_restricted:
        answer.set_cookie(
            COOKIE,
            access.session(time.time()),
            max_age=SESSION_SECONDS,
            secure=call.request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
    return answer


async def closed(call: Call[NoQuery, None]) -> Response:
    """Close the session of this browser"""
    answer = Answer(SessionShape(Access(call.site.settings.api_key).is_restricted, False))
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


async def session(call: Call[NoQuery, None]) -> Response:
    """Whether a key is needed, and whether this client has shown it"""
    access = Access(call.site.settings.api_key)
    is_in = call.request.scope[LOCAL] or access.admits(dict(call.request.scope["headers"]))
    return Answer(SessionShape(access.is_restricted, is_in))
