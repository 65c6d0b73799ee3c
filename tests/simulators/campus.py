"""The lots that the simulated vendors count, and the credentials they accept. The demo and the tests enter the same ones."""

from __future__ import annotations

from tests.simulators.traffic import CampusLot, Day

MISTALL_USER = "tomahawku"
MISTALL_PASSWORD = "count-the-cars"
MISTALL_TOKEN = "mistall-demo-token"

MISTALL_LOTS = (
    CampusLot("11", "North Garage", 450, Day(fills_at=8.2, empties_at=16.8)),
    CampusLot("12", "South Deck", 320, Day(fills_at=8.9, empties_at=17.4)),
    CampusLot("13", "West Lot", 180, Day(fills_at=7.4, empties_at=15.6, at_best=1.0)),
    CampusLot("14", "Stadium Lot", 900, Day(fills_at=17.5, empties_at=22.0, at_best=0.7)),
    CampusLot("17", "Residence Lot", 240, Day(fills_at=19.0, empties_at=31.0, by_night=0.55, at_best=0.9)),
)

MOUNTAINEER_KEY = "plx-mountaineer"
ARTS_KEY = "plx-arts"
PARKING_LOGIX_LOTS = {
    MOUNTAINEER_KEY: (
        CampusLot("m1", "Mountaineer Garage", 380, Day(fills_at=8.5, empties_at=17.0)),
        CampusLot("m2", "Library Loop", 90, Day(fills_at=9.5, empties_at=20.5, takes=1.2)),
        CampusLot("m3", "Coliseum Visitor", 60, Day(fills_at=10.0, empties_at=15.0)),
    ),
    ARTS_KEY: (CampusLot("a1", "Arts Centre", 140, Day(fills_at=18.5, empties_at=22.5, at_best=0.85)),),
}
