"""Where a tenant lives: registry, cells, schemas, roles, migrations, keys, bus and egress. Imports domain only."""
