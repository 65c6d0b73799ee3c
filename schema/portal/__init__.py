"""The API of the user portal: what guests and users may see. No field of staff is in it."""
