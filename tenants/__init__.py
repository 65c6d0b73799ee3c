"""Where a tenant lives: registry, cells, schemas, roles, migrations, secrets, bus and egress. Imports domain only."""
