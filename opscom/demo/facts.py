"""What the demo's two tenants look like: pure data. Invented places with plausible numbers."""

from __future__ import annotations

from dataclasses import dataclass

from domain.users.models import Grouping
from tests.simulators.campus import ARTS_KEY, MOUNTAINEER_KEY

STUDENTS, FACULTY = "Students", "Faculty and staff"
RESIDENTS, MERCHANTS = "Residents", "Merchants"


@dataclass(frozen=True, slots=True)
class LotFacts:
    """A lot: how many standard permits it has and sold, how many temporary ones at once, and who may have standard ones."""

    name: str
    short_name: str
    standard: int = 0
    sold: int = 0
    temporary: int = 0
    user_types: tuple[str, ...] = ()
    point: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A lot group; at most one of the Mistall lot (by its id) and the Parking Logix key."""

    name: str
    color: str
    point: tuple[float, float]
    lots: tuple[LotFacts, ...]
    mistall: str | None = None
    parking_logix: str | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """A tenant and everything in it."""

    slug: str
    name: str
    admin: str
    admin_name: str
    admin_type: str
    user_types: tuple[tuple[str, Grouping], ...]
    groups: tuple[GroupFacts, ...]
    loose_lots: tuple[LotFacts, ...] = ()

    @property
    def has_sensors(self) -> bool:
        """Whether a vendor counts any of its groups."""
        return any(group.mistall or group.parking_logix for group in self.groups)


BOTH = (STUDENTS, FACULTY)

TOMAHAWKU = TenantFacts(
    slug="tomahawku",
    name="Tomahawk University",
    admin="ann@tomahawku.example",
    admin_name="Ann Admin",
    admin_type=FACULTY,
    user_types=((STUDENTS, Grouping.STUDENT), (FACULTY, Grouping.STAFF)),
    groups=(
        GroupFacts(
            "North Garage",
            "#1565c0",
            (44.2372, -76.5036),
            (
                LotFacts("North Garage Levels 1-2", "NG1", 40, 31, 20, BOTH),
                LotFacts("North Garage Roof", "NG2", 0, 0, 30),
            ),
            mistall="11",
        ),
        GroupFacts(
            "South Deck",
            "#6a1b9a",
            (44.2301, -76.5012),
            (LotFacts("South Deck", "SD", 45, 38, 25, BOTH),),
            mistall="12",
        ),
        GroupFacts(
            "West Lot",
            "#00695c",
            (44.2338, -76.5108),
            (LotFacts("West Lot", "W", 36, 35, 0, (FACULTY,)),),
            mistall="13",
        ),
        GroupFacts(
            "Stadium",
            "#c62828",
            (44.2404, -76.5121),
            (LotFacts("Stadium East", "STE", 0, 0, 60), LotFacts("Stadium West", "STW", 30, 12, 40, (STUDENTS,))),
            mistall="14",
        ),
        GroupFacts(
            "Residence",
            "#4e342e",
            (44.2281, -76.5094),
            (LotFacts("Residence Lot", "R", 40, 36, 0, (STUDENTS,)),),
            mistall="17",
        ),
        GroupFacts(
            "Mountaineer Garage",
            "#2e7d32",
            (44.2350, -76.4952),
            (LotFacts("Mountaineer Garage", "M", 40, 29, 30, BOTH),),
            parking_logix=MOUNTAINEER_KEY,
            limit=380,
        ),
        GroupFacts(
            "Library Loop",
            "#ef6c00",
            (44.2324, -76.5051),
            (LotFacts("Library Loop", "L", 0, 0, 25),),
            parking_logix=MOUNTAINEER_KEY,
            limit=90,
        ),
        GroupFacts(
            "Coliseum Visitor",
            "#ad1457",
            (44.2393, -76.4973),
            (LotFacts("Coliseum Visitor", "CV", 0, 0, 20),),
            parking_logix=MOUNTAINEER_KEY,
            limit=60,
        ),
        GroupFacts(
            "Arts Centre",
            "#283593",
            (44.2277, -76.4948),
            (LotFacts("Arts Centre", "AC", 20, 14, 15, (FACULTY,)),),
            parking_logix=ARTS_KEY,
            limit=140,
        ),
    ),
    loose_lots=(
        LotFacts("Boathouse Lot", "B", 0, 0, 18, point=(44.2257, -76.5041)),
        LotFacts("Observatory Lot", "OB", 12, 9, 10, (FACULTY,), point=(44.2418, -76.5052)),
    ),
)

CIVIC = TenantFacts(
    slug="civic",
    name="Town of Civic",
    admin="cal@civic.example",
    admin_name="Cal Clerk",
    admin_type=RESIDENTS,
    user_types=((RESIDENTS, Grouping.PUBLIC), (MERCHANTS, Grouping.PUBLIC)),
    groups=(
        GroupFacts(
            "Market Square",
            "#c62828",
            (45.0932, -74.7312),
            (LotFacts("Market Square", "MS", 0, 0, 40), LotFacts("Town Hall", "TH", 15, 12, 10, (MERCHANTS,))),
        ),
        GroupFacts(
            "Harbour", "#1565c0", (45.0893, -74.7261), (LotFacts("Harbour Front", "HF", 20, 11, 35, (RESIDENTS,)),)
        ),
        GroupFacts(
            "Railway Station",
            "#2e7d32",
            (45.0968, -74.7248),
            (LotFacts("Park and Ride", "PR", 30, 22, 30, (RESIDENTS,)),),
        ),
        GroupFacts("Old Mill", "#6a1b9a", (45.0911, -74.7385), (LotFacts("Old Mill", "OM", 12, 12, 15, (RESIDENTS,)),)),
        GroupFacts("Arena", "#ef6c00", (45.0981, -74.7352), (LotFacts("Arena", "AR", 0, 0, 45),)),
    ),
    loose_lots=(LotFacts("Beach", "BE", 0, 0, 25, point=(45.0868, -74.7342)),),
)

TENANTS = (TOMAHAWKU, CIVIC)
