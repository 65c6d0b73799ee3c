"""Messages to people by e-mail: what is said, to whom, and what became of it. How one is sent is in ``jobs/mail``."""
