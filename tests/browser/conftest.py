"""The browser for the tests of this folder."""

from tests.fixtures.browser import chromium

__all__ = ["chromium"]
