"""The app as AppTest runs it, for the tests in this folder."""

from tests.app_fixtures import app, picture  # noqa: F401 - fixtures
