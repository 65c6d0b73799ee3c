"""What we measure ourselves against: the same map over the same database, served in other ways."""
