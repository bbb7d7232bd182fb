"""People: registration and passwords."""
