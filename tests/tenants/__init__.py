"""Tests of tenants: registry, binding, provisioning, migrations, secrets, bus, egress."""
