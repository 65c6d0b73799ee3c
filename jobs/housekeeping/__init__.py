"""System tasks that keep an environment tidy."""
