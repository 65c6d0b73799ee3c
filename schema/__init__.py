"""Three GraphQL APIs as types that translate and decide nothing. Imports auth, tenants and domain."""
