"""The page of visitors: the live map. Its first state is made here; the script follows the changes."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from gateway.endpoint import Endpoint
from gateway.pages import documents, wording
from gateway.pages.asking import ask, site_address
from gateway.pages.pins import pins_of
from gateway.pages.projection import blocks
from gateway.pages.rendering import page
from tenants.settings import Settings
