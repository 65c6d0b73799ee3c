"""What happens later: broker, dispatcher, system tasks and integrations. Imports auth, tenants and domain."""
