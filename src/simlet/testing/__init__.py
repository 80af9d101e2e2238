"""Fakes and factories for tests of simlet and of what is built on it."""
