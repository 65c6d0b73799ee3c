"""The wire format of Parking Logix, and nothing else. Path and time layout are ASSUMED (docs/integrations.md).

    GET {endpoint}/lots     x-api-key: ...
    200 [{"location_name": "Mountaineer Garage", "free_spaces": "123", "date_time": "2024-05-10 14:03:00-04:00"}]

Seen in the wild: the list wrapped into another list, and ``free_spaces`` as text or as a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.integrations.faults import VendorInvalidAnswer

if TYPE_CHECKING:
    from jobs.integrations.http import VendorHttp

MOST_ENTRIES = 5000


async def fetch_counts(http: VendorHttp, endpoint: str, api_key: str) -> list[object]:
    """The entries that a key sees, as they came, in one flat list. Raises VendorFault."""
    answer = await http.get_json(f"{endpoint}/lots", headers={"x-api-key": api_key})
    if not isinstance(answer, list):
        msg = "The answer is no list."
        raise VendorInvalidAnswer(msg)
    entries = _flat(answer)
    if len(entries) > MOST_ENTRIES:
        msg = f"The answer has more than {MOST_ENTRIES} entries."
        raise VendorInvalidAnswer(msg)
    return entries


def _flat(answer: list[object]) -> list[object]:
    """The entries, whether they lie in the list itself or in lists in it."""
    flat: list[object] = []
    for entry in answer:
        flat += entry if isinstance(entry, list) else [entry]
    return flat
