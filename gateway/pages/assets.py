"""The pages' own script, style and icon: read once, served under an address that changes with their content.

All of them share one address, so that scripts can import each other by relative names.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

FOLDER = Path(__file__).parent / "static"
MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"

FILES = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in MEDIA}
VERSION = sha256(b"\0".join(part for name, body in FILES.items() for part in (name.encode(), body))).hexdigest()[:16]


def address(name: str) -> str:
    """The path of a file, new after each change of any of them. Raises KeyError for one that does not exist."""
    if name not in FILES:
        raise KeyError(name)
    return f"/static/{VERSION}/{name}"


async def serve(request: Request) -> Response:
    """One file. While processes of two releases run, an address of the other one gets what this one has, not to be kept."""
    name = request.path_params["name"]
    body = FILES.get(name)
    if body is None:
        return PlainTextResponse("There is nothing here.\n", 404, headers={"Cache-Control": "no-store"})
    kept = FOR_EVER if request.path_params["version"] == VERSION else "no-store"
    headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
    return Response(body, headers=headers, media_type=MEDIA[Path(name).suffix])


route = Route("/static/{version}/{name}", serve, methods=["GET"], name="static")
