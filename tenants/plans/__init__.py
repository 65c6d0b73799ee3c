"""Plans, features and limits: what a tenant has, and how a feature goes from a trial to production."""
