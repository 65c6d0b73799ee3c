"""Security headers of pages. Pages load nothing from other hosts and hold no script or style inside."""

from __future__ import annotations

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
}
FIXED = {
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with it browsers send `Origin: null` along with forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Vary": "Cookie",
}


def page_headers(*, framed_by: str, cache: str) -> dict[str, str]:
    """Headers of a page. ``framed_by`` is who may show it in a frame, ``cache`` what may be kept of it."""
    policy = "; ".join(f"{name} {value}" for name, value in (POLICY | {"frame-ancestors": framed_by}).items())
    frames = {"X-Frame-Options": "DENY"} if framed_by == NOBODY else {}
    return FIXED | frames | {"Content-Security-Policy": policy, "Cache-Control": cache}


NOBODY = "'none'"
OWN_SITE = "'self'"
