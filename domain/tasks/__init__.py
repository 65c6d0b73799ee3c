"""System tasks as staff see them: what exists, when it is due, its runs and their logs. What a task does is in ``jobs``."""
