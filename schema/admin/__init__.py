"""The API of the admin portal: the same nouns with numbers, and everything that staff change. A login is asked for by each field."""
