"""Migrations, run by `simlet migrate` and at the first start."""
