"""Permits in their first form: who may park where, from when to when; as much as the counts need."""
