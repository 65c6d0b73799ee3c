"""Every GraphQL document that the pages send, also those that the server executes itself for the first state.

One document, one constant: equal texts share one live feed. Tests check each against the printed schema.
"""

from __future__ import annotations

_PORTAL_PIN = """
fragment Pin on MapPin {
  kind: __typename
  id
  name
  latitude
  longitude
  ... on LotGroup {
    mapColor
    occupancy { percentFull source stale observedAt }
    lots { ...Offer }
  }
  ... on Lot { ...Offer }
}
fragment Offer on Lot { id name availablePercent standard temporary }
"""

PORTAL_PAGE = "query Page { pins { ...Pin } me { name } }" + _PORTAL_PIN
"""The map of visitors as it is now, and who looks at it: for a guest `me` is null and an error `login_required`."""

PORTAL_OCCUPANCY = "subscription Occupancy { occupancy { pins { ...Pin } } }" + _PORTAL_PIN
"""The map of visitors as it changes. `opscom watch` follows the same feed."""

LOG_IN = "mutation LogIn($input: LogInInput!) { logIn(input: $input) { me { id } userErrors { message } } }"
LOG_OUT = "mutation LogOut { logOut { userErrors { message } } }"
"""Both are the same words in either portal, which have logins of their own."""
