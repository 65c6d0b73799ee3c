"""The wire format of Mistall, and nothing else. ASSUMED: nothing is public; docs/integrations.md says what was chosen.

GET {endpoint}/lots     Authorization: Basic (user name and password) or Bearer (token)
200 {"lots": [{"id": "17", "name": "North Garage", "capacity": 450, "occupied": 311,
               "updatedAt": "2024-05-10T14:03:00Z"}]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.integrations.faults import VendorInvalidAnswer

if TYPE_CHECKING:
    from domain.settings.queries import Connection
    from jobs.integrations.http import VendorHttp

MOST_LOTS = 5000


async def fetch_lots(http: VendorHttp, connection: Connection) -> list[object]:
    """The entries of all lots, as they came. Raises VendorFault."""
    headers = {"Authorization": f"Bearer {connection.token}"} if connection.token else None
    basic = None if headers else (connection.user_name or "", connection.password or "")
    answer = await http.get_json(f"{connection.endpoint}/lots", headers=headers, basic=basic)
    lots = answer.get("lots") if isinstance(answer, dict) else None
    if not isinstance(lots, list):
        msg = "The answer has no list of lots."
        raise VendorInvalidAnswer(msg)
    if len(lots) > MOST_LOTS:
        msg = f"The answer has more than {MOST_LOTS} lots."
        raise VendorInvalidAnswer(msg)
    return lots
