"""What leaves the platform, as a client's IT sees it: the addresses of our traffic, and the DNS records of our mail."""
