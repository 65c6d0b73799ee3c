"""Arguments that many fields take, described once; and the type of ``info``."""

from __future__ import annotations

from typing import Annotated

import strawberry

from domain.kernel.paging import LARGEST_PAGE
from schema.context import Context

Info = strawberry.Info[Context, None]

Id = Annotated[strawberry.ID, strawberry.argument(name="id", description="The global id.")]
PinIds = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(description="The ids of the pins to show; all of them if it is left out."),
]
First = Annotated[int, strawberry.argument(description=f"How many at most, from 1 to {LARGEST_PAGE}.")]
After = Annotated[str | None, strawberry.argument(description="The cursor to continue after.")]
DEFAULT_PAGE = 50
