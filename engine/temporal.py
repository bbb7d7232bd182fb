"""The one client builder."""
