"""The map in the portal: percentages, pins, the live state, and what guests do not see."""
import pytest
async def test_x(portal):
    a = await portal("{ lotGroups { id name } environment { tenantName kind isPreview timeZone host } }")
    print(a)
    a = await portal("subscription { occupancy { pins { id name ... on LotGroup { occupancy { percentFull } } } } }")
    print(a)
    a = await portal("{ me { name } }")
    print(a)
