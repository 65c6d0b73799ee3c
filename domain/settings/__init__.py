"""Typed settings of a tenant: the connections to Mistall and Parking Logix."""
