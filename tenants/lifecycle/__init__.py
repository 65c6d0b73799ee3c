"""The life of tenants and environments after they were made: suspended, resumed, renamed, archived, exported, deleted."""
